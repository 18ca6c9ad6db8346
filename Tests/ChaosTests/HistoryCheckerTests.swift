import Chaos
import Foundation
import Jobs
import Testing

/// Each rule, with a history that breaks it and nothing else.
@Suite(.timeLimit(.minutes(5)))
struct HistoryCheckerTests {
    private static let step = StepID(job: JobID(UUID()), ordinal: 1)

    /// An event of the one step at that second; leases last ten seconds.
    private static func event(
        _ second: Double, _ what: HistoryEvent.What, token: Int64 = 1, state: String? = nil, owner: String = "a",
        writer: String? = nil
    ) -> HistoryEvent {
        let at = Date(timeIntervalSince1970: second)
        let leased = what == .claim || what == .renew ? at.addingTimeInterval(10) : nil
        return HistoryEvent(
            Int64(second * 10), at: at, what, step: what == .kill ? nil : step, token: token, owner: owner,
            leasedUntil: leased, state: state, writer: writer)
    }

    private static func rules(_ events: [HistoryEvent]) -> [HistoryChecker.Rule] {
        HistoryChecker.violations(in: events).map(\.rule)
    }

    @Test(arguments: [
        // One attempt.
        [event(1, .claim), event(5, .effect), event(6, .finish, state: "completed")],
        // Renewed past its first end.
        [event(1, .claim), event(8, .renew), event(15, .effect), event(16, .finish, state: "completed")],
        // It died after its effect; the next one repeats it under a token of its own.
        [
            event(1, .claim), event(2, .effect), event(12, .rescue, state: "queued"), event(13, .claim, token: 2),
            event(14, .effect, token: 2), event(15, .finish, token: 2, state: "completed"),
        ],
        // A lease that has run out, and that nobody took, may still end.
        [event(1, .claim), event(5, .effect), event(20, .finish, state: "completed")],
        // Handed back by a drain.
        [
            event(1, .claim), event(2, .finish, state: "queued"), event(3, .claim, token: 2),
            event(4, .effect, token: 2), event(5, .finish, token: 2, state: "completed"),
        ],
        // What came too late changed nothing.
        [
            event(1, .claim), event(12, .rescue, state: "queued"), event(13, .claim, token: 2), event(14, .refused),
            event(15, .effect, token: 2), event(16, .finish, token: 2, state: "completed"),
        ],
    ])
    func `a history as it should be breaks no rule`(events: [HistoryEvent]) {
        #expect(HistoryChecker.violations(in: events) == [])
    }

    @Test func `a claim while another lease is valid is an overlap`() {
        #expect(Self.rules([Self.event(1, .claim), Self.event(2, .claim, token: 2)]) == [.overlap])
    }

    @Test func `a rescue before the lease ran out is an overlap`() {
        #expect(Self.rules([Self.event(1, .claim), Self.event(8, .renew), Self.event(17, .rescue)]) == [.overlap])
    }

    @Test(arguments: [HistoryEvent.What.renew, .finish])
    func `nobody writes under a lease of the past`(what: HistoryEvent.What) {
        let events = [
            Self.event(1, .claim), Self.event(12, .rescue), Self.event(13, .claim, token: 2),
            Self.event(14, what, token: 1, state: "queued"),
        ]
        #expect(Self.rules(events).first == .overlap)
    }

    @Test(arguments: [HistoryEvent.What.renew, .finish])
    func `nobody writes under another's lease`(what: HistoryEvent.What) {
        let events = [
            Self.event(1, .claim, writer: "a"), Self.event(2, what, state: "queued", writer: "a"),
            Self.event(3, .claim, token: 2, writer: "b"), Self.event(4, what, token: 2, state: "queued", writer: "a"),
        ]
        #expect(Self.rules(events.suffix(2)) == [.overlap])
        #expect(Self.rules([events[0], events[1]]) == [])
    }

    @Test func `an attempt that nobody claimed is found`() {
        #expect(Self.rules([Self.event(1, .claim), Self.event(2, .attempt, token: 2)]) == [.token])
    }

    @Test func `an attempt that is made twice, or after its end, is found`() {
        let events = [Self.event(1, .claim), Self.event(2, .attempt)]
        #expect(Self.rules(events + [Self.event(3, .attempt)]) == [.doubled])
        #expect(Self.rules(events + [Self.event(3, .effect), Self.event(4, .effect)]) == [.doubled])
        #expect(
            Self.rules([events[0], Self.event(2, .finish, state: "queued"), Self.event(3, .attempt)]) == [.doubled])
    }

    @Test func `a token that does not grow is found`() {
        let events = [Self.event(1, .claim, token: 3), Self.event(12, .rescue), Self.event(13, .claim, token: 3)]
        #expect(Self.rules(events) == [.token])
    }

    @Test(arguments: [
        [event(1, .claim), event(12, .effect)],
        [event(1, .claim), event(12, .rescue), event(13, .effect)],
        [event(1, .claim), event(12, .rescue), event(13, .claim, token: 2), event(14, .effect, token: 1)],
        [event(1, .effect)],
    ])
    func `an effect outside its lease is found`(events: [HistoryEvent]) {
        #expect(Self.rules(events) == [.effect])
    }

    @Test(arguments: [HistoryEvent.What.claim, .effect])
    func `nothing happens to a step that has completed`(what: HistoryEvent.What) {
        let events = [
            Self.event(1, .claim), Self.event(2, .effect), Self.event(3, .finish, state: "completed"),
            Self.event(4, what, token: 2),
        ]
        #expect(Self.rules(events).first == .doubled)
    }

    @Test func `completed without its effect is found`() {
        #expect(Self.rules([Self.event(1, .claim), Self.event(2, .finish, state: "completed")]) == [.missing])
    }

    @Test func `an effect after the cancellation is found`() {
        let events = [Self.event(1, .claim), Self.event(3, .fence, state: "cancelled"), Self.event(4, .effect)]
        #expect(Self.rules(events).contains(.afterCancel))
    }

    @Test func `work that leaves no effects is not asked for them`() {
        let events = [Self.event(1, .claim), Self.event(2, .finish, state: "completed")]
        #expect(HistoryChecker.violations(in: events, expectsEffects: false) == [])
    }

    @Test func `the delay of a rescue runs from the kill to the next claim`() {
        let figures = HistoryFigures(of: [
            Self.event(1, .claim), Self.event(2, .kill, owner: "b"), Self.event(3, .kill), Self.event(12, .rescue),
            Self.event(14, .claim, token: 2, owner: "c"), Self.event(15, .effect, token: 2),
            Self.event(16, .finish, token: 2, state: "completed"),
        ])
        #expect(figures.rescueDelays == [11])
        #expect(figures.rescues == 1)
        #expect(figures.claims == 2)
    }

    @Test func `a step that ended before the kill waits for no rescue`() {
        let figures = HistoryFigures(of: [
            Self.event(1, .claim), Self.event(2, .effect), Self.event(3, .finish, state: "completed"),
            Self.event(4, .kill),
        ])
        #expect(figures.rescueDelays == [])
    }
}
