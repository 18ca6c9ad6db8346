import Curl
import HTTPTypes
import Logging
import Simulators
import Testing

@Suite(.timeLimit(.minutes(5)))
struct CanvasFaultTests {
    private let folder: TestFolder
    private let csv: String

    init() throws {
        folder = try TestFolder()
        csv = try folder.write("users.csv", "user_id,login_id,status\nu1,one,active\n")
    }

    @Test(arguments: [401, 403, 429, 500, 503])
    func `the next requests fail with a status of choice, then all is well`(status: Int) async throws {
        try await withCanvas { _, client in
            let body = "{\"failNext\":2,\"failStatus\":\(status),\"retryAfterSeconds\":7}"
            let set = try await client.send(.post, "/_sim/faults", body: .bytes(Array(body.utf8)))
            #expect(try set.value("failNext") == 2)
            for _ in 0..<2 {
                let answer = try await client.get("/api/v1/users/self")
                #expect(answer.status == status)
                #expect(answer.headers[.retryAfter] == "7")
            }
            let reply1 = try await client.get("/api/v1/users/self")
            #expect(reply1.status == 200)
        }
    }

    @Test func `only requests of a method fail`() async throws {
        let csv = csv
        try await withCanvas { simulator, client in
            simulator.faults.failNext = 1
            simulator.faults.failMethod = "POST"
            let reply2 = try await client.get("/api/v1/users/self")
            #expect(reply2.status == 200)
            let reply3 = try await client.upload(csv)
            #expect(reply3.status == 500)
            let reply4 = try await client.upload(csv)
            #expect(reply4.status == 200)
        }
    }

    @Test(arguments: [403, 429])
    func `the throttle answers in plain text with nothing left`(status: Int) async throws {
        try await withCanvas { simulator, client in
            simulator.faults.throttle = true
            simulator.faults.throttleStatus = status
            let answer = try await client.get("/api/v1/users/self")
            #expect(answer.status == status)
            #expect(answer.text.contains("Rate Limit Exceeded"))
            #expect(answer.headers[.init("X-Rate-Limit-Remaining") ?? .via]?.hasPrefix("-") == true)
            #expect(answer.headers[.init("X-Request-Cost") ?? .via] == nil)
            simulator.faults.throttle = false
            let after = try await client.get("/api/v1/users/self")
            #expect(after.status == 200)
            #expect(after.headers[.init("X-Request-Cost") ?? .via] == "0.05")
        }
    }

    @Test func `a connection that drops after accepting leaves an import behind`() async throws {
        let csv = csv
        try await withCanvas { simulator, client in
            simulator.faults.dropAfterAccepting = 1
            await #expect(throws: CurlError.self) { try await client.upload(csv) }
            let list = try await client.get(SimulatorClient.imports)
            #expect(try list.value("sis_imports.0.id") == 1)
            #expect(simulator.requests.first?.status == nil)
            #expect(simulator.requests.first?.importID == 1)
        }
    }

    @Test func `a connection that drops before accepting leaves nothing behind`() async throws {
        let csv = csv
        try await withCanvas { simulator, client in
            simulator.faults.dropUploads = 1
            await #expect(throws: CurlError.self) { try await client.upload(csv) }
            #expect(simulator.imports.isEmpty)
        }
    }

    @Test func `an answer can be lost as 502 after accepting`() async throws {
        let csv = csv
        try await withCanvas { simulator, client in
            simulator.faults.failAfterAccepting = 1
            let reply5 = try await client.upload(csv)
            #expect(reply5.status == 502)
            #expect(simulator.imports.count == 1)
        }
    }

    @Test func `a held answer comes after the import was accepted`() async throws {
        let csv = csv
        try await withCanvas { simulator, client in
            // Long enough for a busy machine to ask about the import before the answer comes.
            simulator.faults.holdAnswerMilliseconds = 5_000
            async let answer = client.upload(csv)
            let ended = try await client.poll(1) { $0.status == 200 }
            #expect(try ended.value("id") == 1)
            #expect(simulator.requests.first { $0.method == "POST" }?.status == nil)
            #expect(try await answer.status == 200)
        }
    }

    @Test func `an import can crash`() async throws {
        let csv = csv
        try await withCanvas { simulator, client in
            simulator.faults.crashImports = 1
            _ = try await client.upload(csv)
            let ended = try await client.pollToEnd(1)
            #expect(try ended.value("workflow_state") == "failed")
            #expect(try ended.value("processing_errors", as: [String].self) == nil)
        }
    }

    @Test func `faults that cannot be read are refused, and all can be ended`() async throws {
        try await withCanvas { simulator, client in
            let reply6 = try await client.send(.post, "/_sim/faults", body: .bytes([1, 2, 3]))
            #expect(reply6.status == 400)
            simulator.faults.throttle = true
            let reply7 = try await client.send(.delete, "/_sim/faults")
            #expect(try reply7.value("throttle") == false)
            #expect(simulator.faults == CanvasFaults())
        }
    }

    @Test func `what was received can be asked for`() async throws {
        let csv = csv
        try await withCanvas { _, client in
            _ = try await client.upload(csv)
            _ = try await client.pollToEnd(1)
            let reply8 = try await client.get("/_sim/requests")
            #expect(try reply8.value("requests.0.file_name") == "users.csv")
            let reply9 = try await client.get("/_sim/imports")
            #expect(try reply9.value("imports.0.workflow_state") == "imported")
            let reply10 = try await client.get("/_sim/state")
            #expect(try reply10.value("users.active") == 1)
        }
    }

    @Test func `a port that is taken is named`() async throws {
        try await withCanvas { _, client in
            var settings = CanvasSettings()
            settings.port = Int(client.baseURL.split(separator: ":").last ?? "") ?? 0
            let second = try CanvasSimulator(settings: settings, logger: Logger(label: "test.canvas"))
            let error = await #expect(throws: SimulatorError.self) { try await second.run() }
            #expect(error?.code == .cannotListen)
        }
    }
}
