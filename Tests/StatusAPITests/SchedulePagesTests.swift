import Foundation
import HTTPTypes
import Jobs
import Postgres
import Schedules
import Storage
import TestSupport
import Testing

@testable import StatusAPI

@Suite(.postgres, .timeLimit(.minutes(5)))
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

/// Orders about schedules by page and program.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct ScheduleOrderTests {
    private static let bearer: HTTPFields = [.authorization: "Bearer s3cret", .contentType: "application/json"]

    /// A schedule that fires each night at two, and was last decided up to tomorrow.
    private func put(_ fixture: StatusFixture) async throws -> Int64 {
        let integration = try await SampleRows(database: fixture.pool).integration()
        let definition = ScheduleDefinition(cron: "0 2 * * *", timeZone: "UTC")
        let next = try #require(try definition.rules().calculator.next(after: Date())).instant
        try await ScheduleStore(fixture.pool).put(
            "nightly", integration: integration, kind: .rosterSync, definition: definition,
            next: .init(planned: next, start: next))
        return try #require(
            try await StatusQueries(fixture.pool).schedule(
                institution: "north", integration: "nightly", slug: "nightly"))
    }

    @Test func `a schedule is run, paused, resumed and backfilled, and the audit tells of it`() async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let path = "/api/v1/schedules/\(try await put(fixture))"
            let run = try await fixture.post("\(path)/run", "{}", headers: Self.bearer)
            #expect(run.status == 202 && (run.json["jobs"] as? [String])?.count == 1)
            let refused = try await fixture.post("\(path)/run", "{}", headers: Self.bearer)
            #expect(refused.status == 409 && refused.text.contains("anyway"))
            let after = try await fixture.post("\(path)/run", #"{"overlap":"after"}"#, headers: Self.bearer)
            #expect(after.json["after_job"] as? String == (run.json["jobs"] as? [String])?.first)
            let pause = try await fixture.post(
                "\(path)/pause", #"{"until":"2099-01-01","reason":"repairs"}"#, headers: Self.bearer)
            #expect(pause.status == 200)
            let shown = try await fixture.get(path, headers: Self.bearer).json["schedule"] as? [String: Any]
            #expect((shown?["pause"] as? [String: Any])?["until"] as? String == "2099-01-01T00:00:00.000Z")
            #expect(try await fixture.post("\(path)/resume", "{}", headers: Self.bearer).status == 200)
            let plan = try await fixture.get(
                "\(path)/backfill?from=2026-01-01&to=2026-01-03", headers: Self.bearer)
            #expect(
                plan.json["occurrences"] as? [String] == ["2026-01-01 02:00", "2026-01-02 02:00", "2026-01-03 02:00"])
            let body = #"{"from":"2026-01-01","to":"2026-01-03","expected":3,"reason":"outage"}"#
            let backfill = try await fixture.post("\(path)/backfill", body, headers: Self.bearer)
            #expect(backfill.status == 202 && (backfill.json["jobs"] as? [String])?.count == 3)
            #expect(try await fixture.post("\(path)/backfill", body, headers: Self.bearer).status == 400)
            let rows = try await AuditStore(fixture.pool).rows(AuditFilter(), before: nil).rows
            #expect(
                rows.map(\.action) == [
                    "schedule.backfill", "schedule.resume", "schedule.pause", "schedule.run_now", "schedule.run_now",
                ])
            #expect(Set(rows.map(\.subject)) == ["schedule north/nightly/nightly"])
            #expect(rows.first?.reason == "outage")
        }
    }

    @Test func `a run with a key is told which job holds it`() async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let path = "/api/v1/schedules/\(try await put(fixture))/run"
            func run(_ fields: String) async throws -> StatusFixture.Answer {
                try await fixture.post(path, #"{"key":"once","key_scope":"window=1h"\#(fields)}"#, headers: Self.bearer)
            }
            let first = try await run("")
            let job = try #require((first.json["jobs"] as? [String])?.first)
            let rejected = try await run("")
            #expect(rejected.status == 409 && rejected.text.contains(job) && rejected.text.contains("on_conflict"))
            let kept = try await run(#","on_conflict":"keep""#)
            #expect(kept.status == 200 && kept.json["key_holder"] as? String == job)
            #expect((kept.json["jobs"] as? [String])?.isEmpty == true)
            let replaced = try await run(#","on_conflict":"replace""#)
            #expect(replaced.status == 202 && replaced.json["after_job"] as? String == job)
            let rows = try await AuditStore(fixture.pool).rows().rows
            #expect(rows.map(\.action) == ["schedule.run_now", "job.cancel", "schedule.run_now"])
        }
    }

    @Test func `a page's forms do the same, and only with a token`() async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let path = "/schedules/\(try await put(fixture))"
            let form: HTTPFields = [
                .authorization: "Basic " + Data("dana:s3cret".utf8).base64EncodedString(),
                .contentType: "application/x-www-form-urlencoded",
            ]
            #expect(try await fixture.get(path, headers: form).text.contains("Run now"))
            let pause = try await fixture.post("\(path)/pause", "until=&reason=repairs", headers: form)
            #expect(pause.status == 303 && pause.headers[.location] == path)
            #expect(try await fixture.get(path, headers: form).text.contains("paused by dana (page): repairs"))
            let confirm = try await fixture.get("\(path)/backfill?from=2026-01-01&to=2026-01-02", headers: form)
            #expect(
                confirm.text.contains("2\u{A0}occurrences") && confirm.text.contains("name=\"expected\" value=\"2\""))
        }
        try await StatusFixture.with { fixture in
            let path = "/schedules/\(try await put(fixture))"
            #expect(try await !fixture.get(path).text.contains("Run now"))
            #expect(try await fixture.post("\(path)/resume", "").status == 403)
        }
    }

    @Test(arguments: [
        ("pause", #"{"until":"tomorrow","reason":"x"}"#), ("pause", "{}"), ("run", #"{"overlap":"perhaps"}"#),
        ("run", #"{"key_scope":"waiting"}"#), ("run", #"{"key":"k","key_scope":"window=0s"}"#),
        ("run", #"{"key":"k","on_conflict":"skip"}"#),
        ("backfill", #"{"from":"2026-01-02","to":"2026-01-01","expected":1}"#),
        ("backfill", #"{"from":"2026-13-02","to":"2026-01-01","expected":1}"#),
        ("pause", #"{"until":"2020-01-01","reason":"x"}"#),
    ])
    func `what cannot be meant is refused`(order: String, body: String) async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let id = try await put(fixture)
            let answer = try await fixture.post("/api/v1/schedules/\(id)/\(order)", body, headers: Self.bearer)
            #expect(answer.status == 400, "\(answer.text)")
        }
    }
}
