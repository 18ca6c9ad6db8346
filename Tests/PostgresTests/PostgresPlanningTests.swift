import Logging
import Postgres
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct PostgresPlanningTests {
    /// Plans a look-up while its table is empty and known to be, fills the table, and says how the plan reads then.
    private func planAfterGrowth(_ planning: PostgresConfiguration.Planning) async throws -> String {
        try await PostgresServer.withDatabase { database in
            var configuration = PostgresFixture.configuration(database)
            configuration.planning = planning
            return try await PostgresPool.withPool(configuration, logger: PostgresFixture.logger) { pool in
                try await pool.withConnection { connection in
                    // Nobody but us shall analyse it.
                    try await connection.executeScript(
                        """
                        CREATE TABLE waiting (id int PRIMARY KEY, note text) WITH (autovacuum_enabled = false);
                        INSERT INTO waiting VALUES (0, 'x');
                        ANALYZE waiting;
                        """)
                    _ = try await connection.query(
                        """
                        WITH meant AS MATERIALIZED (SELECT * FROM unnest(\([1, 2, 3] as [Int])::int[]) AS m (id))
                        SELECT w.note FROM meant JOIN waiting w ON w.id = meant.id
                        """)
                    try await connection.executeScript(
                        "INSERT INTO waiting SELECT n, 'x' FROM generate_series(1, 20000) AS n")
                    let name = try await connection.query(
                        "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%JOIN waiting%'")[0]
                        .decode(at: 0, as: String.self)
                    return try await connection.query("EXPLAIN EXECUTE \(unescaped: name)('{1}')")
                        .map { try $0.decode(at: 0, as: String.self) }.joined(separator: "\n")
                }
            }
        }
    }

    @Test func `a plan made while a table was empty is made anew, by index, once it has grown`() async throws {
        let kept = try await planAfterGrowth(.byIndex(renewal: .seconds(3600)))
        #expect(!kept.contains("Index Cond"), "the trap is gone, and with it the reason for renewing plans:\n\(kept)")
        let renewed = try await planAfterGrowth(.byIndex(renewal: .zero))
        #expect(renewed.contains("Index Cond: (id = meant.id)"), "\(renewed)")
    }
}
