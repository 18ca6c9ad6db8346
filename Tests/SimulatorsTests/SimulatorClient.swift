import Curl
import Foundation
import HTTPTypes
import Logging
import Simulators

/// Speaks to a simulator over HTTP, as the product does.
struct SimulatorClient: Sendable {
    let baseURL: String
    let curl: CurlClient
    var token: String? = "simulator-token"

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let bytes: [UInt8]

        var text: String { String(decoding: bytes, as: UTF8.self) }

        /// A member by its path, such as `data.counts.users`; the elements of arrays by their numbers.
        func value<Value>(_ path: String, as type: Value.Type = Value.self) throws -> Value? {
            var value: Any? = try JSONSerialization.jsonObject(with: Data(bytes))
            for name in path.split(separator: ".") {
                if let array = value as? [Any] {
                    value = Int(name).flatMap { array.indices.contains($0) ? array[$0] : nil }
                } else {
                    value = (value as? [String: Any])?[String(name)]
                }
            }
            return value as? Value
        }
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, body: CurlBody = .none, headers: HTTPFields = [:]
    ) async throws -> Answer {
        var fields = headers
        if let token { fields[.authorization] = "Bearer \(token)" }
        let isWhole = path.hasPrefix("http://")
        let request = HTTPRequest(
            method: method, scheme: "http", authority: String(baseURL.dropFirst("http://".count)),
            path: isWhole ? String(path.dropFirst(baseURL.count)) : path, headerFields: fields)
        let response = try await curl.send(request, body: body)
        return Answer(
            status: response.head.status.code, headers: response.head.headerFields,
            bytes: try await response.collect(upTo: 64 << 20))
    }

    func get(_ path: String) async throws -> Answer { try await send(.get, path) }

    static let imports = "/api/v1/accounts/self/sis_imports"

    /// Sends a file as the attachment of a form.
    func upload(_ path: String, query: String = "") async throws -> Answer {
        let part = CurlPart(name: "attachment", content: .file(path: path))
        let type = CurlPart.field("import_type", "instructure_csv")
        return try await send(.post, SimulatorClient.imports + query, body: .multipart([type, part]))
    }

    /// Polls an import until it has come so far.
    func poll(_ id: Int, until isReached: @Sendable (Answer) throws -> Bool) async throws -> Answer {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let answer = try await get("\(SimulatorClient.imports)/\(id)")
            if try isReached(answer) { return answer }
            guard ContinuousClock.now < deadline else { throw WaitedInVain(last: answer.text) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func pollToEnd(_ id: Int) async throws -> Answer {
        try await poll(id) { answer in
            let state = try answer.value("workflow_state", as: String.self)
            return state.flatMap { CanvasImport.State(rawValue: $0) }?.isTerminal ?? false
        }
    }

    struct WaitedInVain: Error {
        let last: String
    }
}

/// Runs a test against a simulated Canvas.
func withCanvas(
    _ settings: CanvasSettings = .forTests,
    _ body: @escaping @Sendable (CanvasSimulator, SimulatorClient) async throws -> Void
) async throws {
    let simulator = try CanvasSimulator(settings: settings, logger: Logger(label: "test.canvas"))
    try await simulator.whileServing { baseURL in
        try await withClient(baseURL) { try await body(simulator, $0) }
    }
}

extension CanvasSettings {
    /// As in reality, but the file of errors is there at once.
    static var forTests: CanvasSettings {
        var settings = CanvasSettings()
        settings.errorsFileDelay = .zero
        return settings
    }
}

func withClient(_ baseURL: String, _ body: @Sendable (SimulatorClient) async throws -> Void) async throws {
    let curl = CurlClient(configuration: CurlConfiguration(), logger: Logger(label: "test.curl"))
    defer { curl.shutdown() }
    try await body(SimulatorClient(baseURL: baseURL, curl: curl))
}
