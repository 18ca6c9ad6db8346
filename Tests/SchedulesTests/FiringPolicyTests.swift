import Foundation
import Jobs
import Testing

@testable import Schedules

@Suite struct FiringPolicyTests {
    private func date(_ text: String) throws -> Date {
        try #require(ISO8601DateFormatter().date(from: text))
    }

    /// A schedule in UTC.
    private func rules(
        _ cron: String = "0 * * * *", zone: String = "UTC",
        _ change: (inout ScheduleDefinition) throws -> Void = { _ in }
    ) throws -> ScheduleRules {
        var definition = ScheduleDefinition(cron: cron, timeZone: zone)
        try change(&definition)
        return try definition.rules()
    }

    private func decide(
        _ rules: ScheduleRules, due: String, now: String, situation: FiringPolicy.Situation = .init()
    ) throws -> (FiringPolicy.Decision, next: Date?) {
        var situation = situation
        let now = try date(now)
        let due = FiringPolicy.due(rules, from: try date(due), now: now, key: "k")
        let decision = FiringPolicy.decide(
            due, rules: rules, situation: &situation, now: now, key: "k", newJob: { .random() })
        return (decision, due.next?.instant)
    }

    private func unfinished(_ count: Int) throws -> FiringPolicy.Situation {
        var situation = FiringPolicy.Situation()
        let began = try date("2025-12-31T22:30:00Z")
        situation.unfinished = (0..<count).map { _ in .init(id: .random(), began: began) }
        return situation
    }

    @Test(arguments: [
        (CatchUp.Mode.once, ["missed", "missed", "missed", "started"]),
        (.each, ["missed", "started", "started", "started"]), (.none, ["missed", "missed", "missed", "missed"]),
    ])
    func `the catch-up mode decides which of the missed start`(mode: CatchUp.Mode, expected: [String]) throws {
        let rules = try rules { $0.catchUp = CatchUp(mode, window: 2 * 3600 + 900) }
        let (decision, next) = try decide(rules, due: "2026-01-01T00:00:00Z", now: "2026-01-01T03:10:00Z")
        #expect(decision.entries.map(\.outcome.rawValue) == expected)
        #expect(decision.entries.filter { $0.outcome == .missed }.allSatisfy { $0.reason?.isEmpty == false })
        #expect(next == (try date("2026-01-01T04:00:00Z")))
        let late = decision.entries.compactMap(\.start)
        #expect(late.first?.after == nil)
        #expect(zip(late, late.dropFirst()).allSatisfy { $0.job == $1.after })
    }

    @Test func `on time it starts and says nothing, whatever the catch-up mode`() throws {
        for mode in CatchUp.Mode.allCases {
            let rules = try rules { $0.catchUp = CatchUp(mode) }
            let (decision, _) = try decide(rules, due: "2026-01-01T00:00:00Z", now: "2026-01-01T00:00:59Z")
            #expect(decision.entries.map(\.outcome) == [.started])
            #expect(decision.entries.map(\.reason) == [nil])
        }
    }

    @Test func `nothing starts once the window has passed`() throws {
        let rules = try rules("0 2 * * *") { $0.catchUp = CatchUp(.once, window: 3600) }
        let (decision, _) = try decide(rules, due: "2026-01-01T02:00:00Z", now: "2026-01-01T09:00:00Z")
        #expect(decision.entries.map(\.outcome) == [.missed])
        #expect(decision.entries.first?.reason?.contains("found 7 h late") == true)
    }

    @Test func `a long outage is worked off in parts, and the latest still starts`() throws {
        let rules = try rules("* * * * *")
        var due: Date? = try date("2026-01-01T00:00:00Z")
        let now = try date("2026-01-01T05:00:00Z")
        var outcomes: [OccurrenceOutcome] = []
        var looks = 0
        while let planned = due, planned <= now {
            var situation = FiringPolicy.Situation()
            let part = FiringPolicy.due(rules, from: planned, now: now, key: "k")
            outcomes += FiringPolicy.decide(
                part, rules: rules, situation: &situation, now: now, key: "k", newJob: { .random() }
            ).entries.map(\.outcome)
            due = part.next?.instant
            looks += 1
        }
        #expect(outcomes.count == 301 && outcomes.last == .started)
        #expect(outcomes.count { $0 == .started } == 1)
        #expect(looks == 4)
    }

    @Test(arguments: [
        (OverlapPolicy.skip, 0, "started"), (.skip, 1, "skipped"), (.queue, 1, "started"), (.queue, 2, "skipped"),
        (.cancel, 2, "started"), (.allow, 3, "started"),
    ])
    func `the overlap policy decides beside a job that has not ended`(
        policy: OverlapPolicy, others: Int, expected: String
    ) throws {
        let situation = try unfinished(others)
        let (decision, _) = try decide(
            try rules { $0.overlap = policy }, due: "2026-01-01T00:00:00Z", now: "2026-01-01T00:00:01Z",
            situation: situation)
        let entry = try #require(decision.entries.first)
        #expect(entry.outcome.rawValue == expected)
        #expect(
            entry.start?.cancels
                == (expected == "started" ? policy == .cancel ? situation.unfinished.map(\.id) : [] : nil))
        let isAfter = (policy == .queue || policy == .cancel) && expected == "started"
        #expect(entry.start?.after == (isAfter ? situation.unfinished.last?.id : nil))
        if others > 0, policy != .allow {
            #expect(entry.reason?.contains("2025-12-31 22:30 UTC") == true)
            #expect(entry.reason?.contains("\(try #require(situation.unfinished.last).id)") == true)
        }
    }

    @Test func `of two schedules of an integration the second sees the first's new job`() throws {
        let rules = try rules()
        var situation = FiringPolicy.Situation()
        let now = try date("2026-01-01T00:00:01Z")
        let due = FiringPolicy.due(rules, from: try date("2026-01-01T00:00:00Z"), now: now, key: "k")
        func outcome() -> OccurrenceOutcome? {
            FiringPolicy.decide(
                due, rules: rules, situation: &situation, now: now, key: "k", newJob: { .random() }
            ).entries.first?.outcome
        }
        #expect(outcome() == .started)
        #expect(outcome() == .skipped)
    }

    @Test func `blackouts and rollover pauses are local, with their end open`() throws {
        let rules = try rules("0 22 * * *", zone: "America/Los_Angeles") {
            $0.catchUp = CatchUp(.each, window: 20 * 86_400)
            $0.quiet = [
                try .test(.blackout, "2026-06-02", "2026-06-03T22:00", "Exams"),
                try .test(.rollover, "2026-06-05", "2026-06-07", "Summer"),
            ]
        }
        let (decision, _) = try decide(rules, due: "2026-06-02T05:00:00Z", now: "2026-06-08T12:00:00Z")
        #expect(
            decision.entries.map { "\($0.occurrence.date.day) \($0.outcome.rawValue)" } == [
                "1 started", "2 blackout", "3 started", "4 started", "5 paused", "6 paused", "7 started",
            ])
        let reason = decision.entries[4].reason
        #expect(reason == "It falls into the rollover pause \"Summer\", from 2026-06-05 00:00 until 2026-06-07 00:00.")
    }

    @Test func `with catch-up once, the latest that may start does, not one in a blackout`() throws {
        let rules = try rules {
            $0.quiet = [
                try .test(.blackout, "2026-01-01T02:00", "2026-01-01T04:00", "B")
            ]
        }
        let (decision, _) = try decide(rules, due: "2026-01-01T00:00:00Z", now: "2026-01-01T03:10:00Z")
        #expect(decision.entries.map(\.outcome) == [.missed, .started, .blackout, .blackout])
    }

    @Test func `a pause covers what was planned in it, however late it is looked at`() throws {
        var situation = FiringPolicy.Situation()
        situation.pause = SchedulePause(
            from: try date("2026-01-01T01:00:00Z"), until: try date("2026-01-01T02:00:00Z"), reason: "repairs",
            by: "dana")
        let rules = try rules { $0.catchUp = CatchUp(.each) }
        let (decision, _) = try decide(
            rules, due: "2026-01-01T00:00:00Z", now: "2026-01-01T02:00:01Z", situation: situation)
        #expect(decision.entries.map(\.outcome) == [.started, .paused, .started])
        #expect(
            decision.entries[1].reason
                == "The schedule was paused by dana until 2026-01-01 02:00 UTC: repairs.")
    }

    @Test(arguments: [(2, false), (3, true), (4, true)])
    func `failures in a row pause the schedule`(failures: Int, pauses: Bool) throws {
        var situation = FiringPolicy.Situation()
        situation.failures = failures
        let rules = try rules {
            $0.pauseAfterFailures = 3
            $0.catchUp = CatchUp(.each)
        }
        let (decision, _) = try decide(
            rules, due: "2026-01-01T00:00:00Z", now: "2026-01-01T01:00:01Z", situation: situation)
        #expect(decision.entries.map(\.outcome) == (pauses ? [.paused, .paused] : [.started, .started]))
        #expect((decision.pause != nil) == pauses)
        if pauses { #expect(decision.entries[0].reason?.contains("its last \(failures) jobs failed") == true) }
    }

    @Test func `an occurrence that is written down already is passed over`() throws {
        let rules = try rules { $0.catchUp = CatchUp(.each) }
        var situation = FiringPolicy.Situation()
        situation.recorded = [.init(date: try #require(CivilDate("2026-01-01")), slot: "00:00:00", fold: 0)]
        let (decision, _) = try decide(
            rules, due: "2026-01-01T00:00:00Z", now: "2026-01-01T01:00:01Z", situation: situation)
        #expect(decision.entries.map(\.occurrence.minute) == [60])
    }

    @Test func `jitter is the same each time, differs by schedule, and stays in its range`() throws {
        let rules = try rules("*/5 * * * *") { $0.jitterSeconds = 120 }
        let all = rules.calculator.occurrences(
            after: try date("2026-01-01T00:00:00Z"), through: .distantFuture, limit: 500)
        func delays(_ key: String) -> [TimeInterval] {
            all.map { rules.start(of: $0, key: key).timeIntervalSince($0.instant) }
        }
        #expect(delays("a") == delays("a"))
        #expect(delays("a") != delays("b"))
        #expect(delays("a").allSatisfy { (0...120).contains($0) })
        // 121 values, 500 draws: a spread that leaves out less than a tenth of them.
        #expect(Set(delays("a")).count > 110)
    }

    @Test func `with jitter an occurrence waits for its own start`() throws {
        let rules = try rules("0 * * * *") { $0.jitterSeconds = 1800 }
        let planned = try date("2026-01-01T00:00:00Z")
        let first = try #require(rules.next(after: planned.addingTimeInterval(-1), key: "k"))
        #expect(
            FiringPolicy.due(rules, from: planned, now: first.start.addingTimeInterval(-1), key: "k").occurrences == [])
        let due = FiringPolicy.due(rules, from: planned, now: first.start, key: "k")
        #expect(due.occurrences == [first.occurrence])
        #expect(due.next?.minute == 60)
    }
}
