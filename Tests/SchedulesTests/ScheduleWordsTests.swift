import Foundation
import Testing

@testable import Schedules

@Suite struct ScheduleWordsTests {
    private func words(
        _ cron: String, _ zone: String, after start: String = "2026-11-22T00:00:00Z",
        _ change: (inout ScheduleDefinition) throws -> Void = { _ in }
    ) throws -> ScheduleWords {
        var definition = ScheduleDefinition(cron: cron, timeZone: zone)
        try change(&definition)
        return ScheduleWords(
            try definition.rules(), after: try #require(ISO8601DateFormatter().date(from: start)))
    }

    @Test(arguments: [
        ("30 2 * * *", "At 02:30 every day"), ("0 22 * * mon-fri", "At 22:00 from Monday to Friday"),
        ("0 2,14 * * 1,3,5", "At 02:00 and 14:00 on Monday, Wednesday and Friday"),
        ("*/15 * * * *", "Every 15 minutes"), ("0 * * * *", "Every hour, on the hour"), ("* * * * *", "Every minute"),
        ("5,35 * * * *", "Every hour, at minutes 5 and 35"), ("0 */2 * * *", "Every 2 hours, at minute 0 every day"),
        ("*/10 8-17 * * *", "Every 10 minutes in the hours 08 to 17 every day"),
        ("0 0 1 * *", "At 00:00 on day 1 of the month"), ("0 0 L * *", "At 00:00 on the last day of the month"),
        ("0 0 1,15,L * *", "At 00:00 on days 1, 15 and the last day of the month"),
        ("0 3 * * friL", "At 03:00 on the last Friday of the month"),
        ("0 3 * * fri#2,mon#1", "At 03:00 on the first Monday and the second Friday of the month"),
        ("0 3 13 * fri", "At 03:00 on day 13 of the month, and also on Friday"),
        (
            "0 3 */2 * mon",
            "At 03:00 on days 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29 and 31 of the month, but only on Monday"
        ),
        ("0 0 29 feb *", "At 00:00 on day 29 of the month in February"),
        ("0 4 * aug-jun *", ""), ("0 4 * 1-5,9 *", "At 04:00 every day in January to May and September"),
    ])
    func `an expression is told in plain English`(cron: String, expected: String) throws {
        guard !expected.isEmpty else {
            #expect(throws: ScheduleError.self) { try words(cron, "UTC") }
            return
        }
        #expect(try words(cron, "UTC").expression == expected)
    }

    @Test func `the next odd nights say what happens to this schedule`() throws {
        let words = try words("30 1,2 * * *", "America/Los_Angeles")
        #expect(words.oddNights.map(\.date.description) == ["2027-03-14", "2027-11-07"])
        #expect(
            words.oddNights.map(\.change) == [
                "clocks go from 02:00 to 03:00 (UTC-08:00 to UTC-07:00)",
                "clocks go from 02:00 to 01:00 (UTC-07:00 to UTC-08:00)",
            ])
        #expect(
            words.oddNights.map(\.effect) == [
                "02:30 does not exist: fires once, at 03:00 UTC-07:00.",
                "01:30 comes twice: fires at the first pass only (UTC-07:00).",
            ])
        #expect(words.missingHour.contains("end of the gap") && words.doubledHour.contains("first pass"))
    }

    @Test func `an expression that follows the clock says so`() throws {
        let words = try words("*/30 * * * *", "Europe/Berlin")
        #expect(
            words.oddNights.map(\.effect) == [
                "02:00 and 02:30 do not exist: they are left out.",
                "02:00 and 02:30 come twice: fires in both passes.",
            ])
        #expect(words.doubledHour.contains("both passes"))
    }

    @Test(arguments: [("Asia/Kolkata", []), ("Australia/Lord_Howe", ["2027-04-04", "2027-10-03"])])
    func `zones have the odd nights that they have`(zone: String, expected: [String]) throws {
        #expect(try words("0 12 * * *", zone).oddNights.map(\.date.description) == expected)
        #expect(try words("0 12 * * *", zone).oddNights.allSatisfy { $0.effect == "No occurrence is touched." })
    }

    @Test func `the next five have their offset, and a word where it is needed`() throws {
        let words = try words("30 2 * * *", "America/Los_Angeles", after: "2027-03-13T00:00:00Z") {
            $0.quiet = [
                try .test(.blackout, "2027-03-16", "2027-03-17", "Exams")
            ]
        }
        #expect(
            words.next.map(\.local) == [
                "2027-03-13 02:30 UTC-08:00", "2027-03-14 03:00 UTC-07:00", "2027-03-15 02:30 UTC-07:00",
                "2027-03-16 02:30 UTC-07:00", "2027-03-17 02:30 UTC-07:00",
            ])
        #expect(words.next.map { $0.note?.prefix(14) } == [nil, "02:30 does not", nil, "Will not start", nil])
    }

    @Test(arguments: [
        ("2026-02-30", nil), ("2026-2-3", nil), ("2024-02-29", "2024-02-29"), ("2026-12-31", "2026-12-31"),
        ("2026-01-01x", nil), ("1600-03-01", "1600-03-01"), ("", nil), ("٢٠٢٦-01-01", nil),
    ])
    func `a date is read if the calendar has it`(text: String, expected: String?) {
        #expect(CivilDate(text)?.description == expected)
    }

    @Test(arguments: [
        ("2026-06-20", "2026-06-20 00:00"), ("2026-06-20T22:05", "2026-06-20 22:05"),
        ("2026-06-20 22:05", "2026-06-20 22:05"), ("2026-06-20T24:00", nil), ("2026-06-20T2:05", nil),
        ("2026-06-20T", nil), ("2026-06-20T22:05:00", nil),
    ])
    func `a local time is read to the minute`(text: String, expected: String?) {
        #expect(LocalMinute(text)?.words == expected)
    }

    @Test(arguments: ["jitter", "failures", "window", "time zone", "character 5", "ends before", "may be"])
    func `a definition that cannot be meant is refused`(hint: String) throws {
        var definition = ScheduleDefinition(cron: "0 0 * * *", timeZone: "UTC")
        let empty = try QuietRange.test(.blackout, "2026-02-02", "2026-02-02", "x")
        switch hint {
        case "jitter": definition.jitterSeconds = 90_000
        case "failures": definition.pauseAfterFailures = 0
        case "window": definition.catchUp = CatchUp(.once, window: 40 * 86_400)
        case "time zone": definition.timeZone = "Mars"
        case "character 5": definition.cron = "0 0 42 * *"
        case "ends before": definition.quiet = [empty]
        default: definition.quiet = Array(repeating: empty, count: 201)
        }
        let refused = definition
        let error = #expect(throws: ScheduleError.self) { try refused.rules() }
        #expect(error?.description.contains(hint) == true)
    }
}
