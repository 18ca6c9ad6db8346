import FoundationEssentials
import Jobs
import Postgres

extension StatusQueries {
    /// Schedules by their id. Served by the primary keys; the last occurrence of each by that of `occurrence`.
    /// - Parameters:
    ///   - after: the last id of the page before; nil = from the first.
    ///   - limit: rows, 1 to `largestPage`; anything else is brought into that range.
    package func schedules(after: Int64? = nil, limit: Int = largestPage) async throws -> PageView<ScheduleView> {
        let limit = min(max(limit, 1), Self.largestPage)
        let rows = try await database.query(
            """
            SELECT c.id, c.slug, n.slug AS institution_slug, n.name AS institution_name, i.slug AS integration_slug,
                i.name AS integration_name, c.kind, c.cron, c.time_zone, c.paused, c.next_at,
                o.planned_at, o.fired_at, o.outcome, o.job_id
            FROM schedule c
            JOIN integration i ON i.id = c.integration_id
            JOIN institution n ON n.id = i.institution_id
            LEFT JOIN LATERAL (
                SELECT planned_at, fired_at, outcome, job_id FROM occurrence WHERE schedule_id = c.id
                ORDER BY local_date DESC, slot DESC, fold DESC LIMIT 1
            ) o ON true
            WHERE c.id > \(after ?? 0) ORDER BY c.id LIMIT \(limit + 1)
            """)
        return PageView(rows: try rows.map(Self.schedule), limit: limit)
    }

    private static func schedule(_ row: PostgresRow) throws -> ScheduleView {
        var last: OccurrenceView?
        if let plannedAt: Date = try row.decode("planned_at") {
            last = OccurrenceView(
                plannedAt: plannedAt, firedAt: try row.decode("fired_at"), outcome: try row.decode("outcome"),
                job: try row.decode("job_id", as: UUID?.self).map { JobID($0) })
        }
        let isPaused: Bool = try row.decode("paused")
        return ScheduleView(
            id: try row.decode("id"), slug: try row.decode("slug"),
            institution: NamedView(slug: try row.decode("institution_slug"), name: try row.decode("institution_name")),
            integration: NamedView(slug: try row.decode("integration_slug"), name: try row.decode("integration_name")),
            kind: try row.decode("kind"), cron: try row.decode("cron"), timeZone: try row.decode("time_zone"),
            isPaused: isPaused, nextAt: isPaused ? nil : try row.decode("next_at"), lastOccurrence: last)
    }

    /// What the engine has before it. The steps are reached through `job_state` and the primary key, so it costs
    /// what is under way and not what ever was.
    package func engineCounts() async throws -> EngineCountsView {
        let rows = try await database.query(
            """
            SELECT count(*) FILTER (WHERE s.state = 'queued') AS queued,
                count(*) FILTER (WHERE s.state = 'running') AS running,
                count(*) FILTER (WHERE s.state = 'waiting') AS waiting,
                count(*) FILTER (WHERE s.state = 'held') AS held,
                count(*) FILTER (WHERE s.state = 'running' AND s.leased_until < now()) AS expired,
                (SELECT count(*) FROM outbox WHERE due_at <= now() AND rung_at IS NULL AND after_job IS NULL) AS depth,
                (SELECT coalesce(greatest(extract(epoch FROM now() - min(due_at)), 0), 0)::double precision
                    FROM outbox WHERE due_at <= now() AND rung_at IS NULL AND after_job IS NULL) AS oldest
            FROM job j JOIN step s ON s.job_id = j.id WHERE j.state IN ('in_progress', 'held')
            """)
        guard let row = rows.first else { throw StorageError(.notFound, "The counts returned no row.") }
        return EngineCountsView(
            queuedSteps: try row.decode("queued"), runningSteps: try row.decode("running"),
            waitingSteps: try row.decode("waiting"), heldSteps: try row.decode("held"),
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
