import Foundation
import HTTPTypes
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct JobsRouteTests {
    @Test func `pages by key show each job once while new ones arrive`() async throws {
        try await StatusFixture.with { fixture in
            let rows = SampleRows(database: fixture.pool)
            let integration = try await rows.integration()
            let start = Date(timeIntervalSinceNow: -3600)
            var expected: [String] = []
            for index in 0..<7 {
                let id = try await rows.job(integration, at: start.addingTimeInterval(Double(index)))
                expected.insert(id.uuidString.lowercased(), at: 0)
            }
            var seen: [String] = []
            var next: String? = "/api/v1/jobs?limit=3"
            while let path = next {
                let answer = try await fixture.get(path)
                #expect(answer.status == 200)
                let jobs = answer.json["jobs"] as? [[String: Any]] ?? []
                seen += jobs.compactMap { $0["id"] as? String }
                next = answer.json["next"] as? String
                let link = answer.headers[HTTPField.Name("Link") ?? .location]
                #expect(link == next.map { "<\($0)>; rel=\"next\"" })
                _ = try await rows.job(integration)
            }
            #expect(seen == expected)
        }
    }

    @Test func `why a queued step has not begun stands in the API and on the page`() async throws {
        try await StatusFixture.with { fixture in
            let integration = try await SampleRows(database: fixture.pool).integration()
            let id = try await JobStore(fixture.pool).begin(.rosterSync, integration: integration, postedBy: "test")
            try await PauseStore(fixture.pool).pause(.kind, "roster_sync", until: nil, reason: "Repairs.", by: "dana")
            let sentence = "Waits: kind roster_sync is paused until somebody resumes it: Repairs."
            let answer = try await fixture.get("/api/v1/jobs/\(id)")
            let steps = try #require(answer.json["steps"] as? [[String: Any]])
            #expect(steps.map { $0["reason"] as? String } == [sentence, nil, nil])
            #expect(try await fixture.get("/jobs/\(id)").text.contains(#"<p class="reason">\#(sentence)</p>"#))
        }
    }

    @Test func `filters choose by institution, integration and state`() async throws {
        try await StatusFixture.with { fixture in
            let rows = SampleRows(database: fixture.pool)
            let north = try await rows.integration()
            let south = try await rows.integration(institution: "south", slug: "weekly")
            let failed = try await rows.job(north, state: .failed)
            _ = try await rows.job(north, state: .completed)
            let other = try await rows.job(south, state: .completed)
            func ids(_ query: String) async throws -> [String] {
                let jobs = try await fixture.get("/api/v1/jobs?\(query)").json["jobs"] as? [[String: Any]] ?? []
                return jobs.compactMap { $0["id"] as? String }
            }
            #expect(try await ids("state=failed") == [failed.uuidString.lowercased()])
            #expect(try await ids("institution=south") == [other.uuidString.lowercased()])
            #expect(try await ids("integration=weekly&state=completed") == [other.uuidString.lowercased()])
            #expect(try await ids("institution=nowhere").isEmpty)
        }
    }

    @Test(arguments: [
        "limit=0", "limit=201", "limit=x", "before=yesterday", "state=green", "kind=coffee", "colour=red",
        "institution=%00",
    ])
    func `a parameter that cannot be used is named with its remedy`(query: String) async throws {
        try await StatusFixture.with { fixture in
            let answer = try await fixture.get("/api/v1/jobs?\(query)")
            #expect(answer.status == 400)
            #expect(answer.headers[.contentType] == "application/problem+json")
            #expect(answer.json["type"] as? String == "urn:rosterline:problem:bad-parameter")
            #expect((answer.json["remedy"] as? String)?.isEmpty == false)
        }
    }

    @Test(arguments: [
        "/api/v1/jobs/0193a000-0000-7000-8000-000000000000", "/api/v1/jobs/none", "/api/v1/nothing",
        "/api/v1/jobs/0193a000-0000-7000-8000-000000000000/steps/1/artifacts",
        "/api/v1/jobs/0193a000-0000-7000-8000-000000000000/steps/1/artifacts/users.csv",
    ])
    func `what is not there is a problem with a remedy`(path: String) async throws {
        try await StatusFixture.with { fixture in
            let answer = try await fixture.get(path)
            #expect(answer.status == 404)
            #expect(answer.headers[.contentType] == "application/problem+json")
            #expect(answer.json["status"] as? Int == 404)
            #expect((answer.json["remedy"] as? String)?.isEmpty == false)
            #expect((answer.json["request_id"] as? String)?.isEmpty == false)
        }
    }

    @Test func `the details hold steps with the progress of this moment, attempts and imports`() async throws {
        try await StatusFixture.with { fixture in
            let rows = SampleRows(database: fixture.pool)
            let job = try await rows.job(try await rows.integration())
            try await rows.step(job, 1, .extract, .completed, percent: 100, counts: #"{"users.extracted": 50}"#)
            try await rows.step(job, 2, .convert, .running, percent: 10)
            try await rows.attempt(job, 2, token: 1, outcome: "rescued")
            try await fixture.pool.execute("UPDATE step SET fencing_token = 2 WHERE state = 'running'")
            try await rows.canvasImport(job, answer: #"{"data":{"counts":{"users":49}},"id":"7"}"#, state: "a_new_word")
            try await fixture.pool.execute(
                """
                INSERT INTO step_progress (job_id, ordinal, percent, counts)
                VALUES (\(job), 2, 62, '{"users.converted": 31}')
                """)
            let json = try await fixture.get("/api/v1/jobs/\(job.uuidString)").json
            let steps = json["steps"] as? [[String: Any]] ?? []
            #expect(steps.map { $0["percent"] as? Int } == [100, 62])
            #expect((steps.last?["counts"] as? [String: Int]) == ["users.converted": 31])
            #expect(steps.last?["worker"] as? String == "worker-1")
            let attempts = json["attempts"] as? [[String: Any]] ?? []
            #expect(attempts.map { $0["outcome"] as? String } == ["rescued", nil])
            let imports = json["imports"] as? [[String: Any]] ?? []
            #expect(imports.first?["workflow_state"] as? String == "a_new_word")
            let stage = (json["job"] as? [String: Any])?["stage"] as? [String: Any]
            #expect(stage?["kind"] as? String == "convert")
        }
    }

    @Test func `schedules show the next time in their zone and the last occurrence`() async throws {
        try await StatusFixture.with { fixture in
            let rows = SampleRows(database: fixture.pool)
            let integration = try await rows.integration()
            let job = try await rows.job(integration)
            try await fixture.pool.execute(
                """
                WITH made AS (
                    INSERT INTO schedule (integration_id, slug, kind, cron, time_zone, next_at)
                    VALUES (\(integration), 'nightly', 'roster_sync', '30 1 * * *', 'America/Chicago',
                        '2026-07-01T06:30:00Z')
                    RETURNING id
                ) INSERT INTO occurrence (schedule_id, local_date, slot, planned_at, outcome, job_id)
                SELECT id, '2026-06-30', '01:30', '2026-06-30T06:30:00Z', 'started', \(job) FROM made
                """)
            let answer = try await fixture.get("/api/v1/schedules")
            let schedule = (answer.json["schedules"] as? [[String: Any]])?.first
            #expect(schedule?["next_at"] as? String == "2026-07-01T06:30:00.000Z")
            #expect(schedule?["next_at_local"] as? String == "2026-07-01 01:30:00 UTC-05:00")
            let last = schedule?["last_occurrence"] as? [String: Any]
            #expect(last?["job_id"] as? String == job.uuidString.lowercased())
            #expect(last?["outcome"] as? String == "started")
        }
    }
}
