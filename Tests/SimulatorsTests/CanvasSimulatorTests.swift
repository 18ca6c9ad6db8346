import Curl
import Foundation
import HTTPTypes
import Logging
import Simulators
import Testing

@Suite(.timeLimit(.minutes(5)))
struct CanvasSimulatorTests {
    private let folder: TestFolder

    init() throws {
        folder = try TestFolder()
    }

    private func users(_ count: Int) -> String {
        "user_id,login_id,status\n" + (0..<count).map { "u\($0),l\($0),active\n" }.joined()
    }

    @Test func `an import from a zip goes from created to imported with messages`() async throws {
        let zip = try folder.zip(
            "roster.zip",
            [
                "users.csv": "user_id,login_id,full_name,status\nu1,ana,\"Ana, \"\"A\"\"\",active\nu2,ana,B,active\n",
                "terms.csv": "term_id,name,status\nt1,Term,active\n",
            ])
        try await withCanvas { simulator, client in
            let created = try await client.upload(zip)
            #expect(created.status == 200)
            #expect(try created.value("workflow_state") == "created")
            #expect(try created.value("progress") == 0)
            #expect(try created.value("data.counts", as: [String: Int].self) == nil)
            let ended = try await client.pollToEnd(1)
            #expect(try ended.value("workflow_state") == "imported_with_messages")
            #expect(try ended.value("progress") == 100)
            #expect(try ended.value("data.supplied_batches") == ["term", "user"])
            #expect(try ended.value("data.counts.users") == 1)
            #expect(try ended.value("data.counts.warning_count") == 1)
            #expect(try ended.value("data.statistics.Pseudonym.created") == 1)
            #expect(try ended.value("processing_warnings.0.0") == "users.csv")
            #expect(try ended.value("csv_attachments.0.display_name") == "users.csv")
            #expect(try ended.value("csv_attachments.1.filename") == "terms.csv")
            #expect(simulator.objectCounts["users"] == 1)
        }
    }

    @Test func `the file of errors appears after the end state, and can be downloaded`() async throws {
        let csv = try folder.write("users.csv", "user_id,login_id,status\nu1,\"a,b\",odd\n")
        var settings = CanvasSettings.forTests
        settings.errorsFileDelay = .milliseconds(400)
        try await withCanvas(settings) { _, client in
            _ = try await client.upload(csv)
            let ended = try await client.pollToEnd(1)
            #expect(try ended.value("errors_attachment.url", as: String.self) == nil)
            let later = try await client.poll(1) { try $0.value("errors_attachment.url", as: String.self) != nil }
            let url = try #require(try later.value("errors_attachment.url", as: String.self))
            let file = try await client.get(url)
            #expect(file.text == "sis_import_id,file,message,row\n1,users.csv,Improper status for user u1,2\n")
            let listed = try await client.get("\(SimulatorClient.imports)/1/sis_import_errors")
            #expect(try listed.value("sis_import_errors.0.row") == 2)
        }
    }

    @Test func `the uploaded files can be downloaded again`() async throws {
        let text = users(3)
        let csv = try folder.write("users.csv", text)
        try await withCanvas { _, client in
            _ = try await client.upload(csv)
            let ended = try await client.pollToEnd(1)
            let url = try #require(try ended.value("csv_attachments.0.url", as: String.self))
            let file = try await client.get(url)
            #expect(file.text == text)
            let withoutVerifier = try await client.get("/files/1000/download")
            #expect(withoutVerifier.status == 404)
        }
    }

    @Test func `one faulty file fails the import, though the others were applied`() async throws {
        let zip = try folder.zip("a.zip", ["bad.csv": "x,y\n1,2\n", "users.csv": users(3)])
        try await withCanvas { simulator, client in
            _ = try await client.upload(zip)
            let ended = try await client.pollToEnd(1)
            #expect(try ended.value("workflow_state") == "failed_with_messages")
            #expect(try #require(try ended.value("progress", as: Int.self)) < 100)
            #expect(try ended.value("processing_errors.0.0") == "bad.csv")
            #expect(simulator.objectCounts["users"] == 3)
        }
    }

    @Test func `an archive that cannot be read ends in failed`() async throws {
        let zip = try folder.write("broken.zip", "no zip at all")
        try await withCanvas { _, client in
            _ = try await client.upload(zip)
            let ended = try await client.pollToEnd(1)
            #expect(try ended.value("workflow_state") == "failed")
            #expect(try ended.value("data.error_message", as: String.self) != nil)
        }
    }

    @Test func `thousands of rows are applied in chunks, with the sum and the size in the log`() async throws {
        let district = try TestFolder()
        let text = users(2_500)
        let csv = try district.write("users.csv", text)
        try await withCanvas { simulator, client in
            _ = try await client.upload(csv)
            let ended = try await client.pollToEnd(1)
            #expect(try ended.value("data.counts.users") == 2_500)
            #expect(simulator.imports.first?.plan?.chunkRows.count == 25)
            let entry = try #require(simulator.requests.first { $0.method == "POST" })
            #expect(entry.bytes == text.utf8.count)
            #expect(entry.sha256?.count == 64)
            #expect(entry.fileName == "users.csv")
            #expect(entry.importID == 1)
            #expect(entry.status == 200)
        }
    }

    @Test(arguments: [("text/csv", "", "imported"), ("text/plain", "?extension=csv", "imported")])
    func `a raw body is taken by its content type`(type: String, query: String, state: String) async throws {
        let text = users(1)
        try await withCanvas { _, client in
            let answer = try await client.send(
                .post, SimulatorClient.imports + query, body: .bytes(Array(text.utf8)), headers: [.contentType: type])
            #expect(answer.status == 200)
            let ended = try await client.pollToEnd(1)
            #expect(try ended.value("workflow_state") == state)
        }
    }

    @Test func `a form without attachment is a bad request`() async throws {
        try await withCanvas { simulator, client in
            let answer = try await client.send(
                .post, SimulatorClient.imports, body: .multipart([.field("import_type", "instructure_csv")]))
            #expect(answer.status == 400)
            #expect(simulator.imports.isEmpty)
        }
    }

    @Test func `an upload beyond the limit is refused`() async throws {
        let csv = try folder.write("users.csv", users(100))
        var settings = CanvasSettings.forTests
        settings.largestUploadBytes = 100
        try await withCanvas(settings) { simulator, client in
            let answer = try await client.upload(csv)
            #expect(answer.status == 413)
            #expect(simulator.imports.isEmpty)
        }
    }

    @Test func `a parameter that is refused leaves an orphan that never runs`() async throws {
        let csv = try folder.write("users.csv", users(1))
        try await withCanvas { simulator, client in
            let refused = try await client.upload(csv, query: "?diffing_drop_status=odd")
            #expect(refused.status == 400)
            #expect(simulator.imports.map(\.state) == [.initializing])
            let noTerm = try await client.upload(csv, query: "?batch_mode=1&batch_mode_term_id=sis_term_id:x")
            #expect(noTerm.status == 400)
            #expect(simulator.imports.count == 1)
            _ = try await client.upload(csv)
            let ended = try await client.pollToEnd(2)
            #expect(try ended.value("workflow_state") == "imported")
        }
    }

    @Test func `tokens decide who may do what`() async throws {
        var settings = CanvasSettings.forTests
        settings.tokens["weak"] = .nobody
        try await withCanvas(settings) { _, client in
            var stranger = client
            stranger.token = "unknown"
            let refused = try await stranger.get("/api/v1/users/self")
            #expect(refused.status == 401)
            #expect(refused.headers[.wwwAuthenticate]?.contains("canvas-lms") == true)
            stranger.token = nil
            let reply1 = try await stranger.get(SimulatorClient.imports)
            #expect(reply1.status == 401)
            var weak = client
            weak.token = "weak"
            let reply2 = try await weak.get("/api/v1/users/self")
            #expect(reply2.status == 200)
            let forbidden = try await weak.get(SimulatorClient.imports)
            #expect(forbidden.status == 403)
            #expect(!forbidden.text.contains("Rate Limit"))
            let permissions = "/api/v1/accounts/self/permissions?permissions[]=import_sis"
            let reply3 = try await weak.get(permissions)
            #expect(try reply3.value("import_sis") == false)
            let reply4 = try await client.get(permissions)
            #expect(try reply4.value("import_sis") == true)
        }
    }

    @Test func `only root accounts have imports`() async throws {
        let csv = try folder.write("a.csv", "account_id,parent_account_id,name,status\nn/1,,North,active\n")
        try await withCanvas { _, client in
            _ = try await client.upload(csv)
            _ = try await client.pollToEnd(1)
            let reply5 = try await client.get("/api/v1/accounts/1")
            #expect(try reply5.value("id") == 1)
            let reply6 = try await client.get("/api/v1/accounts/2")
            #expect(try reply6.value("name") == "North")
            let reply7 = try await client.get("/api/v1/accounts/99")
            #expect(reply7.status == 404)
            let reply8 = try await client.get("/api/v1/accounts/99/sis_imports")
            #expect(reply8.status == 404)
            let reply9 = try await client.get("/api/v1/accounts/sis_account_id:n%2F1")
            #expect(try reply9.value("name") == "North")
            let reply10 = try await client.get("/api/v1/accounts/sis_account_id:n%2F1/sis_imports")
            #expect(reply10.status == 400)
        }
    }

    @Test func `the list is newest first, in pages without a last one`() async throws {
        let csv = try folder.write("users.csv", users(1))
        try await withCanvas { _, client in
            for _ in 0..<12 { _ = try await client.upload(csv) }
            _ = try await client.pollToEnd(12)
            let first = try await client.get(SimulatorClient.imports)
            #expect(try first.value("sis_imports", as: [Any].self)?.count == 10)
            #expect(try first.value("sis_imports.0.id") == 12)
            let link = try #require(first.headers[.init("Link") ?? .via])
            #expect(link.contains("rel=\"next\""))
            #expect(!link.contains("rel=\"last\""))
            let next = try #require(link.split(separator: ",").first { $0.contains("rel=\"next\"") })
            let url = next.split(separator: ">")[0].dropFirst()
            let second = try await client.get(String(url))
            #expect(try second.value("sis_imports.1.id") == 1)
            #expect(second.headers[.init("Link") ?? .via]?.contains("rel=\"next\"") == false)
            let none = try await client.get("\(SimulatorClient.imports)?workflow_state[]=failed")
            #expect(try none.value("sis_imports", as: [Any].self)?.isEmpty == true)
            let past = try await client.get("\(SimulatorClient.imports)?created_before=2020-01-01T00:00:00Z")
            #expect(try past.value("sis_imports", as: [Any].self)?.isEmpty == true)
            let since = try await client.get(
                "\(SimulatorClient.imports)?created_since=2020-01-01T00:00:00.5Z&per_page=100")
            #expect(try since.value("sis_imports", as: [Any].self)?.count == 12)
        }
    }

    @Test func `a running import blocks the next, is listed, and can be aborted`() async throws {
        let csv = try folder.write("users.csv", users(2_000))
        var settings = CanvasSettings.forTests
        settings.restAfterAbort = .zero
        try await withCanvas(settings) { simulator, client in
            simulator.faults.stuckAtPercent = 50
            _ = try await client.upload(csv)
            _ = try await client.upload(csv)
            _ = try await client.poll(1) { try $0.value("progress") == 50 }
            #expect(simulator.imports.map(\.state) == [.importing, .created])
            let running = try await client.get("\(SimulatorClient.imports)/importing")
            #expect(try running.value("sis_imports.0.id") == 1)
            let aborted = try await client.send(.put, "\(SimulatorClient.imports)/1/abort")
            #expect(try aborted.value("workflow_state") == "aborted")
            let reply11 = try await client.send(.put, "\(SimulatorClient.imports)/1/abort")
            #expect(reply11.status == 404)
            // What it has applied stays applied.
            #expect(simulator.objectCounts["users"] == 1_000)
            simulator.faults.stuckAtPercent = nil
            let second = try await client.pollToEnd(2)
            #expect(try second.value("workflow_state") == "imported")
        }
    }

    @Test func `abort all pending spares the running one`() async throws {
        let csv = try folder.write("users.csv", users(2_000))
        try await withCanvas { simulator, client in
            simulator.faults.stuckAtPercent = 10
            for _ in 0..<3 { _ = try await client.upload(csv) }
            _ = try await client.poll(1) { try $0.value("progress") == 10 }
            let answer = try await client.send(.put, "\(SimulatorClient.imports)/abort_all_pending")
            #expect(try answer.value("aborted") == true)
            #expect(simulator.imports.map(\.state) == [.importing, .aborted, .aborted])
        }
    }
}
