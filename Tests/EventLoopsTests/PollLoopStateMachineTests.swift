import Testing

@testable import EventLoops

@Suite(.timeLimit(.minutes(5)))
struct PollLoopStateMachineTests {
    typealias Machine = PollLoop.StateMachine<Int, String>
    let start = ContinuousClock.now

    func outcome(_ wakeups: [Machine.Wakeup]) -> [String] {
        wakeups.map { "\($0.waiter): \($0.readiness)" }
    }

    func begin(
        _ waiter: String, on descriptor: Int32?, for interest: Interest = .readable,
        deadline: ContinuousClock.Instant? = nil, in machine: inout Machine
    ) -> Machine.Ticket {
        let ticket = machine.reserveTicket()
        let (wakeup, _) = machine.register(
            waiter, ticket: ticket, descriptor: descriptor, interest: interest, deadline: deadline)
        #expect(wakeup == nil)
        return ticket
    }

    @Test func `an idle loop sleeps for ever`() {
        var machine = Machine()
        #expect(machine.nextStep(now: start).text == "poll [] nil")
    }

    @Test func `jobs run in order, before any sleep`() {
        var machine = Machine()
        #expect(machine.enqueue(1) == .none)
        #expect(machine.enqueue(2) == .none)
        #expect(machine.nextStep(now: start).text == "run [1, 2]")
    }

    @Test func `a sleeping loop is woken once, by the first of many jobs`() {
        var machine = Machine()
        _ = machine.nextStep(now: start)
        #expect(machine.enqueue(1) == .wakeThread)
        #expect(machine.enqueue(2) == .none)
    }

    @Test func `busy actors do not starve descriptors`() {
        var machine = Machine()
        _ = begin("a", on: 7, in: &machine)
        for round in 0..<2 {
            for batch in 1...Machine.batchesBetweenLooks {
                _ = machine.enqueue(batch)
                #expect(machine.nextStep(now: start).text == "run [\(batch)]", "round \(round)")
            }
            _ = machine.enqueue(99)
            #expect(machine.nextStep(now: start).text == "poll [7] 0.0 seconds", "round \(round)")
            _ = machine.finishPoll(ready: [], now: start)
            #expect(machine.nextStep(now: start).text == "run [99]")
            #expect(machine.nextStep(now: start).text == "poll [7] nil")
            _ = machine.finishPoll(ready: [], now: start)
        }
    }

    @Test func `the nearest deadline bounds the sleep, and a passed one does not sleep`() {
        var machine = Machine()
        _ = begin("a", on: 7, deadline: start + .seconds(5), in: &machine)
        _ = begin("b", on: nil, deadline: start + .seconds(2), in: &machine)
        #expect(machine.nextStep(now: start).text == "poll [7] 2.0 seconds")
        #expect(machine.nextStep(now: start + .seconds(3)).text == "poll [7] 0.0 seconds")
        #expect(outcome(machine.finishPoll(ready: [], now: start + .seconds(3))) == ["b: timedOut"])
    }

    @Test func `readiness wins over a deadline that passed at the same time`() {
        var machine = Machine()
        let ticket = begin("a", on: 7, deadline: start, in: &machine)
        let wakeups = machine.finishPoll(ready: [(ticket, .readable)], now: start)
        #expect(outcome(wakeups) == ["a: \(Readiness.ready(.readable))"])
    }

    @Test func `what poll found for a wait that is gone wakes nobody`() {
        var machine = Machine()
        let gone = begin("a", on: 7, in: &machine)
        let kept = begin("b", on: 8, in: &machine)
        #expect(outcome([machine.cancel(gone)].compactMap { $0 }) == ["a: cancelled"])
        #expect(outcome(machine.finishPoll(ready: [(gone, .readable)], now: start)).isEmpty)
        #expect(outcome(machine.finishPoll(ready: [(gone, .readable), (kept, .writable)], now: start)).count == 1)
    }

    @Test func `a wait cancelled before it begins is over at once`() {
        var machine = Machine()
        let ticket = machine.reserveTicket()
        #expect(machine.cancel(ticket) == nil)
        let (wakeup, _) = machine.register("a", ticket: ticket, descriptor: 7, interest: .readable, deadline: nil)
        #expect(wakeup?.readiness == .cancelled)
    }

    @Test func `a cancellation after the end does nothing`() {
        var machine = Machine()
        let ticket = begin("a", on: 7, in: &machine)
        #expect(machine.finishPoll(ready: [(ticket, .readable)], now: start).count == 1)
        #expect(machine.cancel(ticket) == nil)
    }

    @Test func `waits registered in another order than reserved are all found`() {
        var machine = Machine()
        let first = machine.reserveTicket()
        let second = begin("second", on: 8, in: &machine)
        _ = machine.register("first", ticket: first, descriptor: 7, interest: .readable, deadline: nil)
        #expect(machine.finishPoll(ready: [(first, .readable), (second, .readable)], now: start).count == 2)
    }

    @Test func `an interruption ends all waits on that descriptor and no other`() {
        var machine = Machine()
        _ = begin("a", on: 7, in: &machine)
        _ = begin("b", on: 8, in: &machine)
        _ = begin("c", on: 7, for: .writable, in: &machine)
        let nothing = Readiness.ready([])
        #expect(outcome(machine.interrupt(descriptor: 7)) == ["a: \(nothing)", "c: \(nothing)"])
        #expect(machine.nextStep(now: start).text == "poll [8] nil")
    }

    @Test func `a shutdown cancels waits, runs what is left and stops`() {
        var machine = Machine()
        _ = begin("a", on: 7, in: &machine)
        _ = machine.enqueue(1)
        #expect(outcome(machine.shutdown().wakeups) == ["a: cancelled"])
        #expect(machine.nextStep(now: start).text == "run [1]")
        #expect(machine.nextStep(now: start).text == "stop")
    }

    @Test func `after a stop, waits are cancelled and a late job starts the thread once more`() {
        var machine = Machine()
        _ = machine.shutdown()
        #expect(machine.nextStep(now: start).text == "stop")
        let ticket = machine.reserveTicket()
        let (wakeup, _) = machine.register("a", ticket: ticket, descriptor: 7, interest: .readable, deadline: nil)
        #expect(wakeup?.readiness == .cancelled)
        #expect(machine.enqueue(1) == .startThread)
        #expect(machine.enqueue(2) == .none)
        #expect(machine.nextStep(now: start).text == "run [1, 2]")
        #expect(machine.nextStep(now: start).text == "stop")
    }
}

extension PollLoop.StateMachine.Step {
    /// Short and comparable.
    fileprivate var text: String {
        switch self {
        case .run(let jobs): "run \(jobs)"
        case .poll(let entries, let timeout): "poll \(entries.map(\.descriptor)) \(timeout.map { "\($0)" } ?? "nil")"
        case .stop: "stop"
        }
    }
}
