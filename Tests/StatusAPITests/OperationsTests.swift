import Foundation
import HTTPTypes
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@testable import StatusAPI

/// What operators order by API and page.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct OperationsTests {
    private static let login: HTTPFields = [
        .authorization: "Basic " + Data("mara:s3cret".utf8).base64EncodedString()
    ]
    private let bearer: HTTPFields = [.authorization: "Bearer s3cret"]

    /// A service with a token, and a job whose first step failed and is in a group.
    private func withFailure(
        _ body: @escaping @Sendable (StatusFixture, UUID, Int64) async throws -> Void
    ) async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let rows = SampleRows(database: fixture.pool)
            let job = try await rows.job(try await rows.integration(), state: .failed)
            try await rows.step(job, 1, .extract, .failed, error: "Row 17 is broken.")
            try await rows.step(job, 2, .convert, .pending)
            try await fixture.pool.withTransaction { transaction in
                let store = DeadStore(transaction)
                try await store.put(
                    try await store.ungrouped().map {
                        (
                            $0,
                            .init(
                                jobKind: $0.jobKind, stepKind: $0.stepKind, code: $0.code,
                                fingerprint: FailureFingerprint.pattern(of: $0.message))
                        )
                    })
            }
            let group = try #require(try await DeadStore(fixture.pool).groups().rows.first)
            try await body(fixture, job, group.id)
        }
    }

    private func state(_ job: UUID, _ fixture: StatusFixture) async throws -> String {
        let answer = try await fixture.get("/api/v1/jobs/\(job)", headers: Self.login)
        return (answer.json["job"] as? [String: Any])?["state"] as? String ?? ""
    }

    @Test func `a group is looked at, counted, and run again with the number that was seen`() async throws {
        try await withFailure { fixture, job, group in
            let path = "/api/v1/dead/\(group)"
            let list = try await fixture.get("/api/v1/dead", headers: bearer)
            #expect((list.json["groups"] as? [[String: Any]])?.first?["members"] as? Int == 1)
            let shown = try await fixture.get(path, headers: bearer)
            #expect((shown.json["steps"] as? [Any])?.count == 1)
            let preview = try await fixture.get(path + "/preview?verb=retry", headers: bearer)
            #expect(preview.json["count"] as? Int == 1 && preview.json["overtaken"] as? Int == 0)
            let late = try await fixture.post(
                path + "/retry", #"{"expected": 4, "reason": "Again."}"#, headers: bearer)
            #expect(late.status == 409)
            #expect(try await state(job, fixture) == "failed")
            let done = try await fixture.post(
                path + "/retry", #"{"expected": 1, "reason": "Again."}"#, headers: bearer)
            #expect(done.status == 202 && done.json["done"] as? Int == 1)
            #expect(try await state(job, fixture) == "in_progress")
            let audit = try await fixture.get("/api/v1/audit", headers: bearer)
            let entry = (audit.json["entries"] as? [[String: Any]])?.first
            #expect(entry?["action"] as? String == "dead.retry" && entry?["actor"] as? String == "status token (API)")
        }
    }

    @Test func `one member of a group is annotated, run again, discarded`() async throws {
        try await withFailure { fixture, job, group in
            let member = "/api/v1/dead/\(group)/steps/\(job)/1"
            let noted = try await fixture.post(member + "/note", #"{"note": "Mine."}"#, headers: bearer)
            #expect(noted.status == 200 && noted.json["members"] as? Int == 1)
            let shown = try await fixture.get("/api/v1/dead/\(group)", headers: bearer)
            #expect((shown.json["steps"] as? [[String: Any]])?.first?["note"] as? String == "Mine.")
            let foreign = try await fixture.post(
                "/api/v1/dead/\(group + 1)/steps/\(job)/1/retry", #"{"reason": "x"}"#, headers: bearer)
            #expect(foreign.status == 404)
            #expect(try await fixture.post(member + "/retry", "{}", headers: bearer).status == 400)
            let again = try await fixture.post(member + "/retry", #"{"reason": "Mended."}"#, headers: bearer)
            #expect(again.status == 202 && again.json["members"] as? Int == 0)
            #expect(try await state(job, fixture) == "in_progress")
            #expect(try await fixture.post(member + "/discard", #"{"reason": "x"}"#, headers: bearer).status == 404)
        }
        try await withFailure { fixture, job, group in
            let answer = try await fixture.post(
                "/api/v1/dead/\(group)/steps/\(job)/1/discard", #"{"reason": "Known."}"#, headers: bearer)
            #expect(answer.status == 200 && answer.json["state"] as? String == "discarded")
            #expect(try await state(job, fixture) == "failed")
            let note = try await fixture.post(
                "/api/v1/dead/\(group)/messages/1/note", #"{"note": ""}"#, headers: bearer)
            #expect(note.status == 404)
        }
    }

    @Test func `a form of a page does the same, and leads back to the page`() async throws {
        try await withFailure { fixture, job, group in
            let confirm = try await fixture.get("/dead/\(group)/confirm?verb=retry", headers: Self.login)
            #expect(confirm.text.contains(#"<input type="hidden" name="expected" value="1">"#))
            var headers = Self.login
            headers[HTTPField.Name("Sec-Fetch-Site") ?? .origin] = "same-origin"
            let answer = try await fixture.post(
                "/dead/\(group)/retry", "expected=1&reason=The+disk+is+back%21", headers: headers)
            #expect(answer.status == 303 && answer.headers[.location] == "/dead/\(group)")
            #expect(try await state(job, fixture) == "in_progress")
            let page = try await fixture.get("/audit", headers: Self.login).text
            #expect(page.contains("The disk is back!") && page.contains("mara (page)"))
            let csv = try await fixture.get("/api/v1/audit/export?format=csv", headers: Self.login).text
            #expect(csv.hasPrefix("seq,at,actor") && csv.contains("mara (page),dead.retry"))
            let json = try await fixture.get("/api/v1/audit/export?format=json", headers: Self.login)
            #expect(json.json["reason"] as? String == "The disk is back!")
        }
    }

    @Test func `each failed step of a group has its own buttons, which change that step alone`() async throws {
        try await withFailure { fixture, job, group in
            let path = "/dead/\(group)"
            let orders = "\(path)/steps/\(job.uuidString.lowercased())/1"
            let before = try await fixture.get(path, headers: Self.login).text
            for verb in ["retry", "discard", "note"] { #expect(before.contains(#"action="\#(orders)/\#(verb)""#)) }
            let noted = try await fixture.post("\(orders)/note", "note=Ask+the+district.", headers: Self.login)
            #expect(noted.status == 303 && noted.headers[.location] == path)
            #expect(try await fixture.get(path, headers: Self.login).text.contains("Ask the district."))
            #expect(try await fixture.post("\(orders)/retry", "reason=", headers: Self.login).status == 400)
            let again = try await fixture.post("\(orders)/retry", "reason=Mended.", headers: Self.login)
            #expect(again.status == 303 && again.headers[.location] == path)
            #expect(try await state(job, fixture) == "in_progress")
            #expect(try await fixture.get("/audit", headers: Self.login).text.contains("mara (page)"))
            // Somebody else has pressed it first.
            #expect(try await fixture.post("\(orders)/discard", "reason=x", headers: Self.login).status == 404)
            #expect(try await fixture.post("\(orders)/discard", "reason=x").status == 401)
        }
    }

    @Test func `the note of a group is not shown as that of its members`() async throws {
        try await withFailure { fixture, _, group in
            let path = "/dead/\(group)"
            _ = try await fixture.post("\(path)/note", "note=For+all.", headers: Self.login)
            let page = try await fixture.get(path, headers: Self.login).text
            let places = page.components(separatedBy: "For all.").count - 1
            #expect(places == 2, "below the message, and in the group's own form")
        }
    }

    @Test func `a step that a later job has overtaken says so, and is run again only by a button that says so`()
        async throws
    {
        try await withFailure { fixture, job, group in
            let integration: Int64? = try await fixture.pool.query("SELECT id FROM integration").first?.decode("id")
            _ = try await SampleRows(database: fixture.pool).job(
                try #require(integration), state: .completed, at: Date(timeIntervalSinceNow: 1))
            let page = try await fixture.get("/dead/\(group)", headers: Self.login).text
            #expect(page.contains(#"<button name="overtaken" value="true">Run again all the same</button>"#))
            let orders = "/dead/\(group)/steps/\(job)/1"
            #expect(try await fixture.post("\(orders)/retry", "reason=x", headers: Self.login).status == 409)
            let again = try await fixture.post("\(orders)/retry", "reason=x&overtaken=true", headers: Self.login)
            #expect(again.status == 303)
            #expect(try await state(job, fixture) == "in_progress")
        }
    }

    @Test(arguments: [
        ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"), ("Origin", "https://evil.example"),
    ])
    func `what another site makes a browser send is refused`(name: String, value: String) async throws {
        try await withFailure { fixture, job, group in
            var headers = Self.login
            headers[try #require(HTTPField.Name(name))] = value
            let answer = try await fixture.post("/dead/\(group)/retry", "expected=1&reason=x", headers: headers)
            #expect(answer.status == 403)
            #expect(try await state(job, fixture) == "failed")
        }
    }

    @Test func `a browser that only names its origin is let through`() async throws {
        try await withFailure { fixture, _, group in
            var headers = Self.login
            headers[.origin] = fixture.origin
            let answer = try await fixture.post("/dead/\(group)/note", "note=Known.&assigned_to=ben", headers: headers)
            #expect(answer.status == 303)
            let page = try await fixture.get("/dead/\(group)", headers: Self.login).text
            #expect(page.contains("Known.") && page.contains("ben"))
        }
    }

    @Test func `without a login, or without any token, nothing is changed and no button is shown`() async throws {
        try await withFailure { fixture, job, group in
            let refused = try await fixture.post("/dead/\(group)/retry", "expected=1&reason=x")
            let state = try await state(job, fixture)
            #expect(refused.status == 401 && state == "failed")
        }
        try await StatusFixture.with { fixture in
            let rows = SampleRows(database: fixture.pool)
            let job = try await rows.job(try await rows.integration())
            #expect(try await fixture.post("/jobs/\(job)/cancel", "reason=x").status == 403)
            for path in ["/jobs/\(job)", "/pauses"] {
                #expect(try await !fixture.get(path).text.contains("<form"))
            }
        }
    }

    @Test(arguments: ["reason=", "", "reason=a&reason=b", "reason=%zz", "other=1&reason=x", "{]", "{\"reason\": [1]}"])
    func `an order without a reason, or with a field that nobody knows, is refused`(body: String) async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let rows = SampleRows(database: fixture.pool)
            let job = try await rows.job(try await rows.integration())
            let answer = try await fixture.post("/api/v1/jobs/\(job)/cancel", body, headers: bearer)
            #expect(answer.status == 400)
            #expect(try await state(job, fixture) == "in_progress")
        }
    }

    @Test func `a job is cancelled, once, and its page says by whom and why`() async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let rows = SampleRows(database: fixture.pool)
            let job = try await rows.job(try await rows.integration())
            try await rows.step(job, 1, .extract, .queued)
            #expect(try await fixture.get("/jobs/\(job)", headers: Self.login).text.contains("Cancel the job"))
            let answer = try await fixture.post("/jobs/\(job)/cancel", "reason=Wrong+file.", headers: Self.login)
            #expect(answer.status == 303)
            #expect(try await state(job, fixture) == "cancelled")
            let page = try await fixture.get("/jobs/\(job)", headers: Self.login).text
            #expect(page.contains("Cancelled by mara (page): Wrong file."))
            let again = try await fixture.post("/api/v1/jobs/\(job)/cancel", "reason=x", headers: bearer)
            #expect(again.status == 409)
            #expect(try await fixture.post("/api/v1/jobs/\(UUID())/cancel", "reason=x", headers: bearer).status == 404)
        }
    }

    @Test func `a job is run again from a step, as a new job`() async throws {
        try await withFailure { fixture, job, _ in
            let answer = try await fixture.post(
                "/api/v1/jobs/\(job)/run-again", #"{"from": "extract", "reason": "Mended."}"#, headers: bearer)
            let new = try #require(answer.json["job"] as? String)
            #expect(answer.status == 202 && new != job.uuidString.lowercased())
            #expect(try await state(job, fixture) == "failed")
            let refused = try await fixture.post(
                "/api/v1/jobs/\(job)/run-again", #"{"from": "convert", "reason": "Mended."}"#, headers: bearer)
            #expect(refused.status == 409)
        }
    }

    /// A job that has ended with a warning, and Canvas's list of refused rows.
    private func refused(_ fixture: StatusFixture, hasList: Bool = true) async throws -> UUID {
        let rows = SampleRows(database: fixture.pool)
        let job = try await rows.job(try await rows.integration(), state: .warning)
        try await rows.step(job, 1, .extract, .completed)
        try await rows.step(job, 2, .convert, .completed)
        try await rows.step(job, 3, .importBatch, .completedWithWarnings)
        if hasList { try await fixture.store("row\n", name: "canvas-errors.csv", job: job, ordinal: 3) }
        return job
    }

    @Test func `the rows that Canvas refused are sent again, as a new job, by program or page`() async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let job = try await refused(fixture)
            let path = "/api/v1/jobs/\(job)/run-again"
            let answer = try await fixture.post(path, #"{"rows": "failed", "reason": "Mended."}"#, headers: bearer)
            #expect(answer.status == 202)
            let new = try #require(answer.json["job"] as? String)
            let files = try await fixture.get("/api/v1/jobs/\(new)/steps/3/artifacts", headers: bearer)
            let names = (files.json["artifacts"] as? [[String: Any]])?.compactMap { $0["name"] as? String }
            #expect(names == ["refused-rows.csv"])
            let page = try await fixture.get("/jobs/\(job)", headers: Self.login).text
            #expect(page.contains("refused rows only"))
            let form = try await fixture.post("/jobs/\(job)/run-again", "rows=failed&reason=x", headers: Self.login)
            #expect(form.status == 303)
        }
    }

    @Test(arguments: [
        #"{"rows": "failed", "from": "import", "reason": "x"}"#, #"{"rows": "all", "reason": "x"}"#,
        #"{"rows": "", "reason": "x"}"#, #"{"reason": "x"}"#,
    ])
    func `an order that says neither a step nor the refused rows, or both, is refused`(body: String) async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let job = try await refused(fixture)
            let answer = try await fixture.post("/api/v1/jobs/\(job)/run-again", body, headers: bearer)
            #expect(answer.status == 400)
        }
    }

    @Test func `a job without a list of refused rows offers none, and refuses the order`() async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let job = try await refused(fixture, hasList: false)
            #expect(try await !fixture.get("/jobs/\(job)", headers: Self.login).text.contains("refused rows only"))
            let answer = try await fixture.post(
                "/api/v1/jobs/\(job)/run-again", #"{"rows": "failed", "reason": "x"}"#, headers: bearer)
            #expect(answer.status == 409)
        }
    }

    @Test func `something is paused and goes on, with its reason`() async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            _ = try await SampleRows(database: fixture.pool).integration()
            let nobody = try await fixture.post(
                "/api/v1/pauses", #"{"scope": "institution", "target": "nobody", "reason": "x"}"#, headers: bearer)
            #expect(nobody.status == 404)
            let typo = try await fixture.post(
                "/api/v1/pauses", #"{"scope": "queue", "target": "imports", "reason": "x"}"#, headers: bearer)
            #expect(typo.status == 400)
            let paused = try await fixture.post(
                "/api/v1/pauses", #"{"scope": "institution", "target": "north", "minutes": 5, "reason": "Move."}"#,
                headers: bearer)
            #expect((paused.json["pauses"] as? [[String: Any]])?.first?["reason"] as? String == "Move.")
            let page = try await fixture.get("/pauses", headers: Self.login).text
            #expect(page.contains("institution north") && page.contains("Move."))
            let resumed = try await fixture.post(
                "/pauses/resume", "scope=institution&target=north", headers: Self.login)
            #expect(resumed.status == 303)
            #expect(
                (try await fixture.get("/api/v1/pauses", headers: bearer).json["pauses"] as? [Any])?.isEmpty == true)
            let audit = try await AuditStore(fixture.pool).rows().rows
            #expect(
                audit.map(\.action) == ["pause.lift", "pause.set"]
                    && audit.allSatisfy { $0.before != nil || $0.after != nil })
        }
    }

    @Test(arguments: [
        ("Basic " + Data("mara: b".utf8).base64EncodedString(), "mara (page)"),
        ("Basic " + Data(":t".utf8).base64EncodedString(), "status token (page)"),
        ("Basic " + Data("a\nb:t".utf8).base64EncodedString(), "ab (page)"), ("Bearer t", "status token (API)"),
    ])
    func `the name in the audit is what the browser was told`(header: String, name: String) {
        let user = RequestActor.user(in: header)
        #expect((user.map { $0.isEmpty ? "status token (page)" : "\($0) (page)" } ?? "status token (API)") == name)
    }
}
