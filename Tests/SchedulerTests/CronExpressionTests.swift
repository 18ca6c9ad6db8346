import Foundation
import Testing

@testable import Scheduler

@Suite struct CronExpressionTests {
    private func fires(_ cron: String, after start: String, zone: String = "UTC", count: Int = 3) throws -> [String] {
        let formatter = ISO8601DateFormatter()
        let calculator = ScheduleCalculator(
            expression: try CronExpression(cron), zone: try #require(TimeZone(identifier: zone)))
        let first = try #require(formatter.date(from: start))
        return calculator.occurrences(after: first, through: .distantFuture, limit: count).map {
            formatter.string(from: $0.instant)
        }
    }

    @Test(arguments: [
        ("30 2 * * *", ["2026-01-01T02:30:00Z", "2026-01-02T02:30:00Z", "2026-01-03T02:30:00Z"]),
        ("*/20 * * * *", ["2026-01-01T00:20:00Z", "2026-01-01T00:40:00Z", "2026-01-01T01:00:00Z"]),
        ("0 22 * * mon-fri", ["2026-01-01T22:00:00Z", "2026-01-02T22:00:00Z", "2026-01-05T22:00:00Z"]),
        ("0 0 29 feb *", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z", "2036-02-29T00:00:00Z"]),
        ("15,45 1-2 * * 7", ["2026-01-04T01:15:00Z", "2026-01-04T01:45:00Z", "2026-01-04T02:15:00Z"]),
        ("0 0 13 * FRI", ["2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z"]),
        ("5/25 0 * * *", ["2026-01-01T00:05:00Z", "2026-01-01T00:30:00Z", "2026-01-01T00:55:00Z"]),
        ("@weekly", ["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z", "2026-01-18T00:00:00Z"]),
    ])
    func `an expression fires when cron would`(cron: String, expected: [String]) throws {
        #expect(try fires(cron, after: "2026-01-01T00:00:00Z") == expected)
    }

    @Test func `an expression that can never fire gives nothing`() throws {
        #expect(try fires("0 0 30 2 *", after: "2026-01-01T00:00:00Z").isEmpty)
    }

    @Test(arguments: [
        ("61 * * * *", "minute"), ("* 24 * * *", "hour"), ("* * 0 * *", "day of month"), ("* * * 13 *", "month"),
        ("* * * * fry", "day of week"), ("* * *", "five"), ("*/0 * * * *", "step"), ("5-1 * * * *", "ends before"),
        ("1,,2 * * * *", "empty"), ("@nightly", "macro"), ("", "five"), ("+5 * * * *", "minute"),
    ])
    func `a wrong expression names its wrong field`(cron: String, hint: String) {
        let error = #expect(throws: CronError.self) { try CronExpression(cron) }
        #expect(error?.description.contains(hint) == true)
    }

    @Test(arguments: [
        // Clocks in Los Angeles went from 02:00 to 03:00 on 8 March 2026, and from 02:00 to 01:00 on 1 November 2026.
        ("30 2 * * *", "2026-03-08T00:00:00Z", ["2026-03-08T10:00:00Z", "2026-03-09T09:30:00Z"]),
        ("0,30 2 * * *", "2026-03-08T00:00:00Z", ["2026-03-08T10:00:00Z", "2026-03-09T09:00:00Z"]),
        ("30 2,3 * * *", "2026-03-08T09:00:00Z", ["2026-03-08T10:00:00Z", "2026-03-08T10:30:00Z"]),
        ("*/30 * * * *", "2026-03-08T09:00:00Z", ["2026-03-08T09:30:00Z", "2026-03-08T10:00:00Z"]),
        ("30 1 * * *", "2026-11-01T07:00:00Z", ["2026-11-01T08:30:00Z", "2026-11-02T09:30:00Z"]),
        ("30 * * * *", "2026-11-01T08:00:00Z", ["2026-11-01T08:30:00Z", "2026-11-01T09:30:00Z"]),
    ])
    func `nights on which clocks change follow the rule`(cron: String, start: String, expected: [String]) throws {
        #expect(try fires(cron, after: start, zone: "America/Los_Angeles", count: 2) == expected)
    }

    @Test func `a change of half an hour is a change too`() throws {
        // Lord Howe Island: from 02:00 to 02:30 on 4 October 2026 (UTC+10:30 to UTC+11).
        #expect(
            try fires("15 2 * * *", after: "2026-10-03T00:00:00Z", zone: "Australia/Lord_Howe", count: 1)
                == ["2026-10-03T15:30:00Z"])
    }
}
