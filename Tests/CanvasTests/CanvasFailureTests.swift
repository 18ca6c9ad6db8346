import Canvas
import Curl
import Foundation
import HTTPTypes
import Logging
import Secrets
import Simulators
import Testing

@Suite(.timeLimit(.minutes(5)))
struct CanvasFailureTests {
    private let rows = "account_id,parent_account_id,name,status\nA1,,One,active\n"

    @Test
    func `an unknown token is unauthorized`() async throws {
        try await CanvasBench.run(token: "old-token") { bench in
            let error = try await failure { try await bench.canvas.currentUser() }
            #expect(error.code == .unauthorized)
            #expect(!error.isTransient)
            #expect(!error.requestMayHaveArrived)
        }
    }

    @Test(arguments: [401, 403])
    func `a missing permission is forbidden under either status`(status: Int) async throws {
        try await CanvasBench.run { settings in
            settings.tokens = ["simulator-token": .nobody]
            settings.missingPermissionStatus = status
        } _: { bench in
            let error = try await failure { try await collected(bench.canvas.sisImports()) }
            #expect(error.code == .forbidden)
            #expect(!error.isTransient)
        }
    }

    @Test(arguments: [403, 429], [nil, 7, 100_000])
    func `throttling is told from a missing permission and says how long`(status: Int, seconds: Int?) async throws {
        try await CanvasBench.run { bench in
            var faults = CanvasFaults()
            faults.throttle = true
            faults.throttleStatus = status
            faults.retryAfterSeconds = seconds
            bench.simulator.faults = faults
            let error = try await failure { try await bench.upload(rows) }
            #expect(error.code == .throttled)
            #expect(error.isTransient)
            #expect(!error.requestMayHaveArrived)
            // Without Retry-After: until 50 are free again, from the -12.5 that the simulator reports, at 10 a second.
            let expected: Duration = seconds.map { .seconds(min($0, 900)) } ?? .seconds(6.25)
            #expect(error.retryAfter == expected)
        }
    }

    @Test(arguments: [500, 502, 503])
    func `a server that fails may have acted`(status: Int) async throws {
        try await CanvasBench.run { bench in
            var faults = CanvasFaults()
            faults.failNext = 1
            faults.failStatus = status
            faults.retryAfterSeconds = 0
            bench.simulator.faults = faults
            let error = try await failure { try await bench.upload(rows) }
            #expect(error.code == .serverError)
            #expect(error.isTransient)
            #expect(error.requestMayHaveArrived)
            #expect(error.retryAfter == .seconds(1))
        }
    }

    @Test
    func `an import whose answer is lost is found in the listing`() async throws {
        try await CanvasBench.run { bench in
            var faults = CanvasFaults()
            faults.dropAfterAccepting = 1
            bench.simulator.faults = faults
            let start = Date(timeIntervalSinceNow: -5)
            let error = try await failure { try await bench.upload(rows) }
            #expect(error.code == .transport)
            #expect(error.transport?.code == .receiveFailed)
            #expect(error.isTransient)
            #expect(error.requestMayHaveArrived)
            #expect(try await collected(bench.canvas.sisImports(createdSince: start)).count == 1)
        }
    }

    @Test
    func `an import of no account is not found, and of a wrong mode a bad request`() async throws {
        try await CanvasBench.run { bench in
            let missing = try await failure { try await bench.canvas.sisImport("999") }
            #expect(missing.code == .notFound)
            var options = SISImportOptions()
            options.batchMode = true
            options.batchModeTermID = "sis_term_id:none"
            let error = try await failure { try await bench.upload(rows, options: options) }
            #expect(error.code == .badRequest)
            #expect(!error.requestMayHaveArrived)
            #expect(!error.detail.isEmpty)
            #expect(!"\(error)".contains(error.detail))
        }
    }

    @Test
    func `a page that is no Canvas is an unreadable answer`() async throws {
        try await CanvasBench.run { bench in
            let page = HTTPResponse(status: .ok, headerFields: [.contentType: "text/html"])
            let error = bench.canvas.unreadable("read", page)
            #expect(error.code == .unreadableAnswer)
            #expect(error.requestMayHaveArrived)
        }
    }

    @Test
    func `a Canvas that is not there was never asked`() async throws {
        let http = CurlClient(logger: Logger(label: "canvas.test"))
        defer { http.shutdown() }
        let configuration = try #require(CanvasConfiguration(baseURL: "http://nowhere.invalid"))
        let canvas = CanvasClient(configuration: configuration, http: http, logger: Logger(label: "canvas.test")) {
            "token"
        }
        let error = try await failure { try await canvas.currentUser() }
        #expect(error.code == .transport)
        #expect(error.transport?.code == .couldNotResolve)
        #expect("\(error)".hasSuffix(": the host of Canvas cannot be found. \(error.remedy)"))
        #expect(!error.requestMayHaveArrived)
    }

    @Test(arguments: ["", "a\r\nX-Evil: 1", "a b"])
    func `a token that is none is never sent`(token: String) async throws {
        try await CanvasBench.run(token: token) { bench in
            let error = try await failure { try await bench.canvas.currentUser() }
            #expect(error.code == .tokenUnreadable)
            #expect(!error.requestMayHaveArrived)
            #expect(token.isEmpty || !"\(error) \(String(reflecting: error))".contains(token))
            #expect(bench.simulator.requests.isEmpty)
        }
    }

    @Test
    func `a token that cannot be had says where it should be, and asks for no new one`() async throws {
        let http = CurlClient(logger: Logger(label: "canvas.test"))
        defer { http.shutdown() }
        let configuration = try #require(CanvasConfiguration(baseURL: "http://127.0.0.1:1"))
        let canvas = CanvasClient(configuration: configuration, http: http, logger: Logger(label: "canvas.test")) {
            try SecretSource { _ in nil }.read(.environment("NOT_SET")).reveal
        }
        let error = try await failure { try await canvas.currentUser() }
        #expect(error.code == .tokenUnreadable)
        #expect(!error.isTransient)
        #expect(!error.requestMayHaveArrived)
        #expect(error.remedy.contains("env:NOT_SET"))
        #expect("\(error)".contains("the token cannot be read. Missing at env:NOT_SET: Set the variable"))
    }
}
