import Foundation
import HTTPTypes
import Jobs
import Postgres
import TestSupport
import Testing

@testable import StatusAPI

@Suite(.postgres, .timeLimit(.minutes(5)))
struct PagesTests {
    @Test func `an empty list says what to do`() async throws {
        try await StatusFixture.with { fixture in
            let answer = try await fixture.get("/")
            #expect(answer.status == 200)
            #expect(answer.headers[.contentType] == "text/html; charset=utf-8")
            #expect(answer.text.contains("rosterline sync"))
            #expect(try await fixture.get("/?state=failed").text.contains("Show all jobs"))
        }
    }

    @Test func `hostile names are shown, not run`() async throws {
        try await StatusFixture.with { fixture in
            let rows = SampleRows(database: fixture.pool)
            let hostile = "<script>alert(1)</script>\"'&"
            let integration = try await rows.integration(name: hostile)
            let job = try await rows.job(integration, state: .failed, postedBy: hostile)
            try await rows.step(job, 1, .extract, .failed, percent: 62, reason: hostile, error: hostile)
            try await fixture.store("x", name: "<img src=x>.csv", job: job)
            for path in ["/", "/jobs/\(job)"] {
                let answer = try await fixture.get(path)
                #expect(answer.status == 200)
                #expect(!answer.text.contains("<script>alert"))
                #expect(!answer.text.contains("<img src=x>"))
                #expect(answer.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"))
            }
        }
    }

    @Test func `a job's page shows lines, counts, issues, attempts and files`() async throws {
        try await StatusFixture.with { fixture in
            let rows = SampleRows(database: fixture.pool)
            let job = try await rows.job(try await rows.integration(), state: .failed)
            try await rows.step(job, 1, .extract, .completed, percent: 100, counts: #"{"users.extracted": 5000}"#)
            try await rows.step(
                job, 2, .convert, .failed, percent: 62,
                counts: #"{"users.converted": 4990, "issues.errors": 3, "issues.errors.dangling_reference": 3}"#,
                error: "The snapshot cannot be read.")
            try await rows.step(job, 3, .importBatch, .pending)
            try await rows.attempt(job, 2, token: 1, outcome: "retry", error: "Connection to the store lost.")
            try await rows.attempt(job, 2, token: 2, outcome: "failed", error: "The snapshot cannot be read.")
            try await rows.canvasImport(
                job,
                answer:
                    #"{"data":{"statistics":{"Pseudonym":{"created":12}}},"processing_warnings":[["users.csv","No"]]}"#)
            try await fixture.store("id\n1\n", name: "issues.csv", job: job, ordinal: 2)
            let html = try await fixture.get("/jobs/\(job)").text
            #expect(html.contains("Failed at 62\u{A0}%"))
            #expect(html.contains(">Complete<"))
            #expect(html.components(separatedBy: "role=\"progressbar\"").count == 3)
            #expect(html.contains("aria-valuenow=\"62\""))
            #expect(html.contains("<td>5\u{202F}000</td><td>4\u{202F}990</td></tr>"))
            #expect(html.contains("<th scope=\"row\">Users</th><td>12</td><td>0</td></tr>"))
            #expect(html.contains("3\u{A0}errors. The file"))
            #expect(html.contains("dangling_reference"))
            #expect(html.contains("1 min 15 s"))
            // Once, under what happened; the attempt that failed of it does not say it again.
            #expect(html.components(separatedBy: "The snapshot cannot be read.").count == 2)
            #expect(html.contains("Connection to the store lost."))
            #expect(html.contains("issues.csv?format=json"))
            #expect(!html.contains("http-equiv"))
        }
    }

    @Test func `the list shows where a job failed, and no stage once it is done`() async throws {
        try await StatusFixture.with { fixture in
            let rows = SampleRows(database: fixture.pool)
            let integration = try await rows.integration()
            let failed = try await rows.job(integration, state: .failed)
            try await rows.step(
                failed, 1, .extract, .failed, percent: 7,
                counts: #"{"users.extracted": 1, "enrollments.extracted": 30000}"#)
            let text = try await fixture.get("/").text
            #expect(text.contains("Roster Extract, Failed at 7\u{A0}%"))
            #expect(text.contains(">1\u{A0}user, 30\u{202F}000\u{A0}enrollments<"))
            try await fixture.pool.execute("UPDATE step SET state = 'completed' WHERE job_id = \(failed)")
            let after = try await fixture.get("/").text
            #expect(!after.contains("Roster Extract"))
        }
    }

    @Test(arguments: [
        (#"{"mapping":{"timeZone":"America/Los_Angeles"}}"#, "UTC-08:00"), (#"{"mapping":{}}"#, "UTC+05:30"),
    ])
    func `times are in the mapping's zone, else in the schedule's`(settings: String, offset: String) async throws {
        try await StatusFixture.with { fixture in
            let rows = SampleRows(database: fixture.pool)
            let integration = try await rows.integration()
            let job = try await rows.job(integration)
            try await fixture.pool.execute(
                """
                INSERT INTO schedule (integration_id, slug, kind, cron, time_zone)
                VALUES (\(integration), 'nightly', 'roster_sync', '30 1 * * *', 'Asia/Kolkata')
                """)
            try await fixture.pool.execute(
                """
                UPDATE job SET settings = \(PostgresJSON(settings)),
                    created_at = '2026-12-01T10:00:00Z', updated_at = '2026-12-01T10:00:00Z'
                """)
            for path in ["/", "/jobs/\(job)"] {
                let html = try await fixture.get(path).text
                #expect(html.contains(" \(offset)</time>"))
                #expect(html.contains("title=\"2026-12-01 10:00:00 UTC (shown in "))
            }
        }
    }

    @Test func `a wrong address is answered with a page for people`() async throws {
        try await StatusFixture.with { fixture in
            let answer = try await fixture.get("/jobs/none")
            #expect(answer.status == 404)
            #expect(answer.headers[.contentType] == "text/html; charset=utf-8")
            #expect(answer.text.contains("There is no job none."))
        }
    }

    @Test(arguments: ["status.css", "status.js", "icon.svg"])
    func `pages load nothing that is missing`(file: String) async throws {
        try await StatusFixture.with { fixture in
            let answer = try await fixture.get("/assets/\(file)")
            #expect(answer.status == 200)
            #expect(answer.bytes.count > 100)
            #expect(try await fixture.get("/").text.contains("/assets/\(file)"))
        }
    }
}

struct ProgressLineTests {
    @Test(arguments: StepState.allCases)
    func `a line is shown by the rules that its readers know`(state: StepState) {
        let begun = ProgressLine(title: "Roster Extract", state: state, percent: 62, hasBegun: true)
        let fresh = ProgressLine(title: "Roster Extract", state: state, percent: 0, hasBegun: false)
        switch state {
        case .pending, .skipped:
            #expect(!begun.isShown && !fresh.isShown)
            #expect(begun.label.isEmpty)
        case .queued:
            #expect(begun.label == "62\u{A0}%" && !fresh.isShown)
        case .running, .waiting, .held:
            #expect(begun.label == "62\u{A0}%" && fresh.label == "0\u{A0}%")
        case .completed:
            #expect(begun.label == "Complete" && begun.percent == 100 && begun.look == "done")
        case .completedWithWarnings:
            #expect(begun.label == "Complete, with warnings" && begun.percent == 100 && begun.look == "warned")
        case .failed:
            #expect(begun.label == "Failed at 62\u{A0}%" && begun.percent == 62)
        case .cancelled:
            #expect(begun.label == "Cancelled at 62\u{A0}%" && !fresh.isShown)
        }
    }

    @Test(arguments: [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (1_560_000_000, "1.6 GB")])
    func `sizes are short`(bytes: Int64, text: String) {
        #expect(PageWords.size(bytes) == text)
    }

    @Test(arguments: [
        (0.04, "0.0 s"), (0.4, "0.4 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (60, "1 min 00 s"),
        (3599.6, "1 h 00 min"), (-5, "0.0 s"),
    ])
    func `times taken are short`(seconds: Double, text: String) {
        #expect(PageWords.duration(seconds) == text)
    }

    @Test(arguments: [
        (nil, "UTC"), ("Nowhere/Else", "UTC"), ("Asia/Kolkata", "UTC+05:30"), ("America/St_Johns", "UTC-03:30"),
    ])
    func `times show their distance from UTC`(zone: String?, name: String) {
        let time = ZonedTime(Date(timeIntervalSince1970: 1_800_000_000), zone: zone)
        #expect(time.text.hasSuffix(" \(name)"))
        #expect(time.instant == "2027-01-15T08:00:00.000Z")
        #expect(time.hover == (name == "UTC" ? "UTC" : "2027-01-15 08:00:00 UTC (shown in \(zone ?? ""))"))
    }
}
