import Foundation
import HTTPTypes
import Jobs
import Postgres
import Schedules
import Storage
import TestSupport
import Testing

@testable import StatusAPI

@Suite(.postgres, .timeLimit(.minutes(1)))
struct SchedulePagesTests {
    /// A schedule with one started and one skipped occurrence.
    private func put(_ fixture: StatusFixture, cron: String = "30 2 * * *") async throws -> (id: Int64, job: UUID) {
        let rows = SampleRows(database: fixture.pool)
        let integration = try await rows.integration()
        let job = try await rows.job(integration, state: .failed)
        var definition = ScheduleDefinition(cron: cron, timeZone: "America/Los_Angeles")
        definition.overlap = .queue
        definition.jitterSeconds = 300
        definition.pauseAfterFailures = 3
        definition.quiet = [
            QuietRange(
                .rollover, from: try #require(LocalMinute("2037-06-20")),
                until: try #require(LocalMinute("2037-08-15")), name: "<b>Summer</b>")
        ]
        let next = Date(timeIntervalSince1970: 2_000_000_000)
        let store = ScheduleStore(fixture.pool)
        try await store.put(
            "nightly", integration: integration, kind: .rosterSync, definition: definition,
            next: .init(planned: next, start: next))
        let id = try #require(
            try await StatusQueries(fixture.pool).schedule(
                institution: "north", integration: "nightly", slug: "nightly"))
        let night = try #require(CivilDate("2026-06-29"))
        func occurrence(_ days: Int) -> PlannedOccurrence {
            PlannedOccurrence(
                date: CivilDate(dayNumber: night.dayNumber + days), minute: 150, fold: 0,
                instant: Date(timeIntervalSince1970: 1_782_725_400 + Double(days) * 86_400))
        }
        try await store.record([
            .init(schedule: id, occurrence: occurrence(0), outcome: .started, reason: nil, job: JobID(job)),
            .init(schedule: id, occurrence: occurrence(1), outcome: .skipped, reason: "Skipped: it runs.", job: nil),
        ])
        return (id, job)
    }

    @Test func `a schedule's page tells its rules, what comes and what was`() async throws {
        try await StatusFixture.with { fixture in
            let (id, job) = try await put(fixture)
            let html = try await fixture.get("/schedules/\(id)").text
            for words in [
                "At 02:30 every day", "America/Los_Angeles", "one occurrence waits for its end",
                "up to 5 min late", "3 failed jobs in a row pause it", "fires once, at the end of the gap",
                "does not exist: fires once, at 03:00 UTC-07:00.", "&lt;b&gt;Summer&lt;/b&gt;", "Skipped: it runs.",
                "/jobs/\(job.uuidString.lowercased())", "2026-06-29 02:30:00 UTC-07:00",
                "rosterline schedules backfill north/nightly/nightly",
            ] {
                #expect(html.contains(words), "\(words)")
            }
            #expect(html.components(separatedBy: "<li><time").count == 6)
            let list = try await fixture.get("/schedules").text
            #expect(list.contains("At 02:30 every day") && list.contains("badge skipped"))
            #expect(list.contains("2033-05-17 20:33:20 UTC-07:00"))
        }
    }

    @Test func `the API tells the same`() async throws {
        try await StatusFixture.with { fixture in
            let (id, _) = try await put(fixture)
            let json = try await fixture.get("/api/v1/schedules/\(id)").json
            let words = json["words"] as? [String: String]
            #expect(words?["expression"] == "At 02:30 every day")
            #expect((json["next"] as? [Any])?.count == 5)
            #expect((json["odd_nights"] as? [Any])?.count == 2)
            let schedule = json["schedule"] as? [String: Any]
            #expect(schedule?["overlap"] as? String == "queue")
            #expect((schedule?["catch_up"] as? [String: Any])?["window_seconds"] as? Int == 21_600)
            let occurrences = json["occurrences"] as? [[String: Any]]
            #expect(occurrences?.map { $0["outcome"] as? String } == ["skipped", "started"])
            #expect(occurrences?.last?["job_state"] as? String == "failed")
            #expect(try await fixture.get("/api/v1/schedules/99").status == 404)
            #expect(try await fixture.get("/schedules/nightly").status == 404)
        }
    }

    @Test func `a pause is shown with its author, its end and its reason`() async throws {
        try await StatusFixture.with { fixture in
            let (id, _) = try await put(fixture)
            try await fixture.pool.execute(
                """
                UPDATE schedule SET pause_from = '2020-01-01T00:00Z', pause_until = '2040-01-01T00:00Z',
                    pause_by = 'dana', pause_reason = 'repairs'
                """)
            let html = try await fixture.get("/schedules/\(id)").text
            #expect(html.contains("paused by dana until 2039-12-31 16:00 UTC-08:00: repairs"))
            #expect(html.contains("Will not start"))
            let schedule = try await fixture.get("/api/v1/schedules/\(id)").json["schedule"] as? [String: Any]
            #expect(schedule?["paused"] as? Bool == true && schedule?["next_at"] != nil)
        }
    }

    @Test func `a schedule that cannot be read is shown with its fault`() async throws {
        try await StatusFixture.with { fixture in
            let (id, _) = try await put(fixture, cron: "0 25 * * *")
            let html = try await fixture.get("/schedules/\(id)").text
            #expect(html.contains("Field 2 of 5, the hour"))
            let json = try await fixture.get("/api/v1/schedules/\(id)").json
            #expect((json["fault"] as? String)?.contains("0 to 23") == true && json["words"] == nil)
            #expect(try await fixture.get("/schedules").status == 200)
        }
    }

    @Test func `without schedules the page says how to make one`() async throws {
        try await StatusFixture.with { fixture in
            let page = try await fixture.get("/schedules")
            #expect(page.text.contains("rosterline apply FILE"))
        }
    }
}
