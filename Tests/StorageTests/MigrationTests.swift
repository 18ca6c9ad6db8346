import EngineTestSupport
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct MigrationTests {
    private let migrator = PostgresMigrator(migrations: StorageMigrations.all)

    @Test func `an empty database gets every version once, however many processes migrate`() async throws {
        try await PostgresServer.withDatabase { database in
            let configuration = PostgresConfiguration(
                host: database.host, port: database.port, database: database.name, user: database.user, tls: .disable)
            try await PostgresPool.withPool(configuration, logger: EngineDatabase.logger) { pool in
                let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
                    for _ in 0..<4 { group.addTask { try await migrator.apply(on: pool).map(\.version) } }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                #expect(applied == StorageMigrations.all.map(\.version))
                #expect(try await migrator.apply(on: pool).isEmpty)
                #expect(try await StatusQueries(pool).schemaVersion() == StorageMigrations.version)
            }
        }
    }

    @Test func `the versions are numbered from 1 without a gap`() {
        #expect(StorageMigrations.all.map(\.version) == Array(1...max(1, StorageMigrations.version)))
        #expect(StorageMigrations.all.allSatisfy { !$0.sql.isEmpty && !$0.name.isEmpty })
    }

    @Test func `a new database has partitions for this month and the next two`() async throws {
        try await EngineDatabase.with { database in
            let months = try await database.pool.query(
                """
                SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month', 'YYYY_MM')
                FROM generate_series(0, 2) AS n
                """
            ).map { try $0.decode(at: 0, as: String.self) }
            for parent in ["job", "step", "attempt", "artifact", "sis_import"] {
                let children = try await database.pool.query(
                    """
                    SELECT inhrelid::regclass::text FROM pg_inherits
                    WHERE inhparent = \(parent)::text::regclass ORDER BY 1
                    """
                ).map { try $0.decode(at: 0, as: String.self) }
                #expect(children == months.map { "\(parent)_\($0)" } + ["\(parent)_default"])
            }
        }
    }
}
