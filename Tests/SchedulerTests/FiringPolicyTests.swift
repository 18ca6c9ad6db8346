import Foundation
import Testing

@testable import Scheduler

@Suite struct FiringPolicyTests {
    private static let zones = [
        "UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago",
    ]

    private func date(_ text: String) throws -> Date {
        try #require(ISO8601DateFormatter().date(from: text))
    }

    /// Whatever the pattern of looks, what was started and missed together is what the expression plans.
    @Test(arguments: zones, ["30 2 * * *", "*/30 * * * *", "0 0,1,2,3 * * *"])
    func `no restart pattern loses or doubles an occurrence`(zone: String, cron: String) throws {
        let calculator = ScheduleCalculator(
            expression: try CronExpression(cron), zone: try #require(TimeZone(identifier: zone)))
        let begin = try date("2026-03-01T00:00:00Z")
        let end = try date("2026-04-10T00:00:00Z")
        var generator = SeededGenerator(state: 42)
        var due = try #require(calculator.next(after: begin)).instant
        var seen: [ScheduleCalculator.Occurrence] = []
        var now = begin
        while now < end {
            now = now.addingTimeInterval(Double(generator.next() % 200_000))
            while due <= now {
                let decision = FiringPolicy.decide(calculator, dueAt: due, now: now, catchUp: 3600)
                seen += decision.missed + [decision.start].compactMap(\.self)
                due = try #require(decision.next)
            }
        }
        let planned = calculator.occurrences(after: begin, through: now, limit: .max)
        #expect(seen == planned)
    }

    @Test func `only the latest within the catch-up window starts`() throws {
        let calculator = ScheduleCalculator(expression: try CronExpression("0 * * * *"), zone: .gmt)
        let decision = FiringPolicy.decide(
            calculator, dueAt: try date("2026-01-01T00:00:00Z"), now: try date("2026-01-01T03:10:00Z"), catchUp: 3600)
        #expect(decision.missed.map(\.minute) == [0, 60, 120])
        #expect(decision.start?.minute == 180)
        #expect(decision.next == (try date("2026-01-01T04:00:00Z")))
    }

    @Test func `nothing starts once the window has passed`() throws {
        let calculator = ScheduleCalculator(expression: try CronExpression("0 2 * * *"), zone: .gmt)
        let decision = FiringPolicy.decide(
            calculator, dueAt: try date("2026-01-01T02:00:00Z"), now: try date("2026-01-01T09:00:00Z"), catchUp: 3600)
        #expect(decision.start == nil)
        #expect(decision.missed.count == 1)
    }
}

/// A generator that a seed makes repeatable.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 16
    }
}
