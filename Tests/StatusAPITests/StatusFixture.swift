import Artifacts
import Curl
import Foundation
import HTTPTypes
import Logging
import Observability
import Postgres
import ServiceLifecycle
import StatusAPI
import Storage
import TestSupport

/// A status service on a free port over a database and an artifact store of its own.
struct StatusFixture: Sendable {
    let pool: PostgresPool
    let artifacts: FolderArtifactStore
    let registry: PrometheusRegistry
    let folder: String
    private let client: CurlClient
    private let port: Int

    /// An answer, read whole.
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let bytes: [UInt8]

        var text: String { String(decoding: bytes, as: UTF8.self) }

        /// The body as a JSON object; empty if it is none.
        var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]) ?? [:] }
    }

    static func with(
        token: String? = nil, checks: [ReadinessCheck] = [], migrate: Bool = true, logger: Logger? = nil,
        _ body: @Sendable (StatusFixture) async throws -> Void
    ) async throws {
        try await PostgresServer.withDatabase { database in
            try await with(
                configuration: PostgresConfiguration(
                    host: database.host, port: database.port, database: database.name, user: database.user,
                    tls: .disable, poolSize: 4),
                token: token, checks: checks, migrate: migrate, logger: logger, body)
        }
    }

    static func with(
        configuration: PostgresConfiguration, token: String? = nil, readTimeout: Duration = .seconds(30),
        checks: [ReadinessCheck] = [], migrate: Bool, logger: Logger? = nil,
        _ body: @Sendable (StatusFixture) async throws -> Void
    ) async throws {
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let pool = PostgresPool(configuration: configuration, logger: quiet)
        let folder = FileManager.default.temporaryDirectory.path + "/status-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let artifacts = FolderArtifactStore(folder: folder + "/store")
        let registry = PrometheusRegistry()
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let read: (@Sendable () throws -> String)? = token.map { token in { @Sendable in token } }
        let service = StatusService(
            configuration: StatusConfiguration(
                port: 0, token: read, readTimeout: readTimeout, checkTimeout: .seconds(10)),
            queries: StatusQueries(pool), artifacts: artifacts, registry: registry, checks: checks,
            operations: OperatorActions(pool), logger: logger ?? quiet, onReady: { ready.yield($0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pool.run() }
            group.addTask { try await service.run() }
            defer { group.cancelAll() }
            if migrate { try await PostgresMigrator(migrations: StorageMigrations.all).apply(on: pool) }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { throw CancellationError() }
            let client = CurlClient(logger: quiet)
            defer { client.shutdown() }
            try await body(
                StatusFixture(
                    pool: pool, artifacts: artifacts, registry: registry, folder: folder, client: client, port: port))
        }
    }

    func get(
        _ path: String, headers: HTTPFields = [:], method: HTTPRequest.Method = .get
    ) async throws -> Answer {
        let request = HTTPRequest(
            method: method, scheme: "http", authority: "127.0.0.1:\(port)", path: path, headerFields: headers)
        let response = try await client.send(request)
        return Answer(
            status: response.head.status.code, headers: response.head.headerFields, bytes: try await response.collect())
    }

    /// Sends a form or, beginning with `{`, JSON.
    func post(_ path: String, _ body: String, headers: HTTPFields = [:]) async throws -> Answer {
        var headers = headers
        headers[.contentType] = body.hasPrefix("{") ? "application/json" : "application/x-www-form-urlencoded"
        let request = HTTPRequest(
            method: .post, scheme: "http", authority: "127.0.0.1:\(port)", path: path, headerFields: headers)
        let response = try await client.send(request, body: .bytes(Array(body.utf8)))
        return Answer(
            status: response.head.status.code, headers: response.head.headerFields, bytes: try await response.collect())
    }

    /// Where the service listens, as a browser names it.
    var origin: String { "http://127.0.0.1:\(port)" }

    /// Stores content as a file of a step.
    func store(_ text: String, name: String, job: UUID, ordinal: Int = 1, type: String = "text/csv") async throws {
        let path = "\(folder)/incoming"
        try Data(text.utf8).write(to: URL(filePath: path))
        let stored = try await artifacts.put(fileAt: path)
        try await pool.execute(
            """
            INSERT INTO artifact (job_id, ordinal, name, media_type, bytes, sha256)
            VALUES (\(job), \(Int16(ordinal)), \(name), \(type), \(stored.bytes), \(stored.sha256))
            """)
    }
}
