import FoundationEssentials
package import Postgres

/// The partitions of the tables that grow with history.
package struct RetentionStore: Sendable {
    private let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// Makes the partitions of this month and the next two, and drops months that ended longer ago than `retention`.
    ///
    /// - Returns: how many tables were dropped.
    package func keepPartitions(for retention: Duration) async throws -> Int {
        let rows = try await database.query(
            """
            SELECT drop_month_partitions(clock_timestamp() - make_interval(secs => \(retention / .seconds(1)))) AS dropped,
                (SELECT count(create_month_partitions(
                    (date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + n * interval '1 month')::date)::text)
                 FROM generate_series(0, 2) AS n) AS made
            """)
        return try rows.first?.decode("dropped", as: Int.self) ?? 0
    }
}
