import FoundationEssentials
import Jobs
import Postgres

extension StatusQueries {
    /// What the engine has before it. The steps are reached through their tickets, their waiting imports and
    /// `job_attention`, and those that failed through `step_dead`, so it costs what is under way and not what ever was.
    package func engineCounts() async throws -> EngineCountsView {
        let rows = try await database.query(
            """
            WITH live AS (
                SELECT job_id, ordinal FROM outbox
                UNION SELECT job_id, ordinal FROM sis_import WHERE next_poll_at IS NOT NULL
                UNION SELECT s.job_id, s.ordinal FROM job j JOIN step s ON s.job_id = j.id AND s.state = 'held'
                    WHERE j.attention = 'held'
            )
            SELECT count(*) FILTER (WHERE s.state = 'queued') AS queued,
                count(*) FILTER (WHERE s.state = 'running') AS running,
                count(*) FILTER (WHERE s.state = 'waiting') AS waiting,
                count(*) FILTER (WHERE s.state = 'held') AS held,
                count(*) FILTER (WHERE s.state = 'running' AND s.leased_until < now()) AS expired,
                (SELECT count(*) FROM (SELECT FROM step WHERE state = 'failed' AND dead_group IS NOT NULL
                    AND discarded_at IS NULL LIMIT \(DeadStore.countLimit)) AS dead) AS failed,
                (SELECT count(*) FROM outbox WHERE due_at <= now() AND rung_at IS NULL AND after_job IS NULL) AS depth,
                (SELECT coalesce(greatest(extract(epoch FROM now() - min(due_at)), 0), 0)::double precision
                    FROM outbox WHERE due_at <= now() AND rung_at IS NULL AND after_job IS NULL) AS oldest
            FROM live JOIN step s ON s.job_id = live.job_id AND s.ordinal = live.ordinal
            """)
        guard let row = rows.first else { throw StorageError(.notFound, "The counts returned no row.") }
        return EngineCountsView(
            queuedSteps: try row.decode("queued"), runningSteps: try row.decode("running"),
            waitingSteps: try row.decode("waiting"), heldSteps: try row.decode("held"),
            failedSteps: try row.decode("failed"),
            outboxDepth: try row.decode("depth"), outboxOldestSeconds: try row.decode("oldest"),
            expiredLeases: try row.decode("expired"))
    }

    /// The newest migration of the database, or nil before the first.
    /// - Throws: `PostgresError`; with the SQLSTATE of an undefined table where nothing was ever migrated.
    package func schemaVersion() async throws -> Int? {
        try await database.query("SELECT max(version)::bigint AS version FROM schema_migrations").first?
            .decode("version", as: Int?.self)
    }
}
