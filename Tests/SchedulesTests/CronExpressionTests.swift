import Foundation
import Testing

@testable import Schedules

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
        ("0 0 L * *", ["2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"]),
        ("0 0 1,L feb *", ["2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z", "2027-02-01T00:00:00Z"]),
        ("0 0 * * friL", ["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-27T00:00:00Z"]),
        ("0 0 * * 5L", ["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-27T00:00:00Z"]),
        ("0 0 * * FRI#2", ["2026-01-09T00:00:00Z", "2026-02-13T00:00:00Z", "2026-03-13T00:00:00Z"]),
        ("0 0 * * mon#1,7L", ["2026-01-05T00:00:00Z", "2026-01-25T00:00:00Z", "2026-02-02T00:00:00Z"]),
        ("0 0 * * thu#5", ["2026-01-29T00:00:00Z", "2026-04-30T00:00:00Z", "2026-07-30T00:00:00Z"]),
        ("0 0 * * fri-sun", ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"]),
        ("0 0 * * */3", ["2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-07T00:00:00Z"]),
        ("@weekly", ["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z", "2026-01-18T00:00:00Z"]),
    ])
    func `an expression fires when cron would`(cron: String, expected: [String]) throws {
        #expect(try fires(cron, after: "2026-01-01T00:00:00Z") == expected)
    }

    @Test func `an expression that can never fire gives nothing`() throws {
        #expect(try fires("0 0 30 2 *", after: "2026-01-01T00:00:00Z").isEmpty)
    }

    @Test(arguments: [
        ("61 * * * *", 1, 1, "0 to 59"), ("* 24 * * *", 2, 3, "0 to 23"), ("* * 0 * *", 3, 5, "L for the last day"),
        ("* * * 13 *", 4, 7, "jan to dec"), ("* * * * fry", 5, 9, "sun to sat"), ("*/0 * * * *", 1, 3, "step"),
        ("0 5-1 * * *", 2, 3, "ends before"), ("1,,2 * * * *", 1, 3, "empty item"), ("+5 * * * *", 1, 1, "'+5'"),
        ("0 0 * * L", 5, 9, "friL"), ("0 0 * * fri#6", 5, 13, "#1 to #5"), ("0 0 L-3 * *", 3, 5, "'L'"),
        ("0 0 * * fri#", 5, 9, "#1 to #5"), ("0  9,x * * *", 2, 6, "'x'"), ("0 0 * jan,feb,mrz *", 4, 15, "'mrz'"),
        ("0 0 * * 1-", 5, 11, "empty item"), ("0 0 * * 99999999999999999999", 5, 9, "0 to 7"),
    ])
    func `a wrong expression points at its wrong field`(cron: String, field: Int, column: Int, hint: String) {
        let error = #expect(throws: CronError.self) { try CronExpression(cron) }
        #expect(error?.field == field)
        #expect(error?.column == column)
        #expect(error?.problem.contains(hint) == true)
        let caret = error?.pointer.split(separator: "\n").dropFirst().first
        #expect(caret?.count == column && caret?.last == "^")
    }

    @Test(arguments: [
        ("* * *", 6, "3 fields"), ("", 1, "0 fields"), ("0 0 2 * * *", 11, "no seconds"), ("@nightly", 1, "@daily"),
        ("* * * * * 2026", 11, "five"), (" @reboot", 2, "macro"),
    ])
    func `an expression that is wrong as a whole says what it needs`(cron: String, column: Int, hint: String) {
        let error = #expect(throws: CronError.self) { try CronExpression(cron) }
        #expect(error?.field == nil)
        #expect(error?.column == column)
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
