import FoundationEssentials
package import Postgres

/// What grows with history: the partitions of the months, and the occurrences of schedules.
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

    /// Removes occurrences that are older than retention, the oldest first. Served by `occurrence_fired`, the key of
    /// `schedule` and `occurrence_latest`.
    ///
    /// A schedule's latest stays, for its page. One that a scheduler has still to decide stays too, however old: its
    /// row is what keeps it from being begun twice.
    /// - Parameter limit: of one statement.
    /// - Returns: how many went.
    package func pruneOccurrences(olderThan retention: Duration, limit: Int = 5000) async throws -> Int {
        let age = retention / .seconds(1)
        return try await database.execute(
            """
            WITH old AS (
                SELECT o.schedule_id, o.local_date, o.slot, o.fold FROM occurrence o JOIN schedule c ON c.id = o.schedule_id
                WHERE o.fired_at < clock_timestamp() - make_interval(secs => \(age))
                    AND o.planned_at < clock_timestamp() - make_interval(secs => \(age))
                    AND (c.next_planned_at IS NULL OR o.planned_at < c.next_planned_at)
                    AND EXISTS (SELECT FROM occurrence later
                        WHERE later.schedule_id = o.schedule_id AND later.planned_at > o.planned_at)
                ORDER BY o.fired_at LIMIT \(limit)
            )
            DELETE FROM occurrence o USING old
            WHERE (o.schedule_id, o.local_date, o.slot, o.fold) = (old.schedule_id, old.local_date, old.slot, old.fold)
            """)
    }
}
