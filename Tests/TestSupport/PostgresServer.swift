package import LocalServers
package import Testing

/// The PostgreSQL server of this test process: started by the first suite that asks for it, stopped when the process
/// ends.
package struct PostgresServer: Sendable {
    /// Set inside suites and tests that carry the trait `.postgres`.
    @TaskLocal package static var current: PostgresServer?

    package let local: LocalPostgres

    package init(local: LocalPostgres) {
        self.local = local
    }

    package var host: String { local.host }
    package var port: Int { local.port }
    package var user: String { local.user }

    // One for the whole process; a `Task` because a static constant cannot await. It is the server's only owner.
    private static let shared = Task {
        PostgresServer(local: try await LocalPostgres.start(durable: false, settings: ["max_connections": "300"]))
    }

    /// The shared server, started at need.
    package static func start() async throws -> PostgresServer {
        try await shared.value
    }

    /// Where a test finds a database that is its own.
    package struct Database: Sendable {
        package let host: String
        package let port: Int
        package let user: String
        package let name: String
    }

    /// Runs the body with an empty database of its own, and drops that afterwards, with whoever is still connected.
    package static func withDatabase<Result: Sendable>(
        _ body: (Database) async throws -> Result
    ) async throws -> Result {
        let server = try await start()
        let name = "test_\(UInt64.random(in: 0...UInt64.max))"
        try await server.run(sql: "CREATE DATABASE \(name)")
        let result: Result
        do {
            result = try await body(Database(host: server.host, port: server.port, user: server.user, name: name))
        } catch {
            await server.drop(name)
            throw error
        }
        await server.drop(name)
        return result
    }

    /// Runs SQL through psql, as somebody who is not the code under test.
    /// - Returns: the rows, one a line, columns separated by `|`.
    @discardableResult
    package func run(sql: String, database: String = "postgres") async throws -> String {
        let arguments = [
            local.program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", "\(port)", "-U",
            user,
            "-d", database, "-c", sql,
        ]
        let (status, output) = try await LocalServerProcess.run(arguments)
        guard status == 0 else {
            throw ServerError(.preparationFailed, operation: "psql", remedy: "Read its output.", log: output)
        }
        return output.last == "\n" ? String(output.dropLast()) : output
    }

    private func drop(_ database: String) async {
        // A test that killed the server leaves nothing to drop; the cluster is temporary anyway. A task of its own,
        // since a test that ran into its time limit is cancelled and should still leave no database behind.
        await Task { _ = try? await run(sql: "DROP DATABASE IF EXISTS \(database) WITH (FORCE)") }.value
    }
}

/// Hands the shared server to every test of a suite; see `PostgresServer.current`.
package struct PostgresServerTrait: SuiteTrait, TestTrait, TestScoping {
    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let server = try await PostgresServer.start()
        try await PostgresServer.$current.withValue(server) { try await function() }
    }
}

extension Trait where Self == PostgresServerTrait {
    /// A real PostgreSQL server for the tests; when it cannot be started, they fail and name the remedy.
    package static var postgres: PostgresServerTrait { PostgresServerTrait() }
}
