import EventLoops
import Logging
import Postgres
import TestSupport
import Testing

/// What the tests of this module need of the server.
enum PostgresFixture {
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static let loop = PollLoop.shared

    static func configuration(_ database: PostgresServer.Database) -> PostgresConfiguration {
        PostgresConfiguration(
            host: database.host, port: database.port, database: database.name, user: database.user, tls: .disable)
    }

    /// A database of its own and a pool that runs, both gone afterwards.
    @discardableResult
    static func withPool<Result: Sendable>(
        size: Int = 10, waiterLimit: Int = 10_000, acquireTimeout: Duration = .seconds(30),
        statementTimeout: Duration = .seconds(30), cacheSize: Int = 256, logger: Logger = logger,
        _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        try await PostgresServer.withDatabase { database in
            var configuration = configuration(database)
            configuration.poolSize = size
            configuration.waiterLimit = waiterLimit
            configuration.acquireTimeout = acquireTimeout
            configuration.statementTimeout = statementTimeout
            configuration.statementCacheSize = cacheSize
            return try await PostgresPool.withPool(configuration, logger: logger, body)
        }
    }

    @discardableResult
    static func run<Result: Sendable>(
        _ pool: PostgresPool, _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup { group in
            group.addTask { try await pool.run() }
            let result = try await body(pool)
            group.cancelAll()
            return result
        }
    }
}
