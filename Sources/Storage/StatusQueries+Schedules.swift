import FoundationEssentials
import Jobs
import Postgres
import Schedules

extension StatusQueries {
    /// Schedules by their id. Served by the primary keys; the last occurrence of each by `occurrence_latest`.
    /// - Parameters:
    ///   - after: the last id of the page before; nil = from the first.
    ///   - limit: rows, 1 to `largestPage`; anything else is brought into that range.
    package func schedules(after: Int64? = nil, limit: Int = largestPage) async throws -> PageView<ScheduleView> {
        let limit = min(max(limit, 1), Self.largestPage)
        let rows = try await database.query(
            "\(Self.scheduleColumns) WHERE c.id > \(after ?? 0) ORDER BY c.id LIMIT \(limit + 1)")
        return PageView(rows: try rows.map(Self.schedule), limit: limit)
    }

    /// A schedule, or nil. Served by the primary key.
    package func schedule(_ id: Int64) async throws -> ScheduleView? {
        try await database.query("\(Self.scheduleColumns) WHERE c.id = \(id)").first.map(Self.schedule)
    }

    /// The id of a schedule by its names, or nil. Served by the unique constraints.
    package func schedule(institution: String, integration: String, slug: String) async throws -> Int64? {
        try await database.query(
            """
            SELECT c.id FROM schedule c JOIN integration i ON i.id = c.integration_id
            JOIN institution n ON n.id = i.institution_id
            WHERE n.slug = \(institution) AND i.slug = \(integration) AND c.slug = \(slug)
            """
        ).first?.decode("id", as: Int64.self)
    }

    /// A schedule's occurrences that were decided, the latest first. Served by `occurrence_latest`; their jobs' states
    /// by the primary key of `job`.
    /// - Parameter limit: rows, 1 to `largestPage`.
    package func occurrences(of schedule: Int64, limit: Int = 20) async throws -> [OccurrenceView] {
        let rows = try await database.query(
            """
            SELECT o.planned_at, o.fired_at, o.outcome, o.reason, o.job_id, j.state AS job_state
            FROM occurrence o LEFT JOIN job j ON j.id = o.job_id
            WHERE o.schedule_id = \(schedule) ORDER BY o.planned_at DESC, o.fold DESC
            LIMIT \(min(max(limit, 1), Self.largestPage))
            """)
        return try rows.map(Self.occurrence)
    }

    private static let scheduleColumns: PostgresQuery = """
        SELECT \(ScheduleStore.columns), n.slug AS institution_slug, n.name AS institution_name,
            i.slug AS integration_slug, i.name AS integration_name, c.next_at,
            o.planned_at, o.fired_at, o.outcome, o.reason, o.job_id, o.job_state
        FROM schedule c
        JOIN integration i ON i.id = c.integration_id
        JOIN institution n ON n.id = i.institution_id
        LEFT JOIN LATERAL (
            SELECT l.planned_at, l.fired_at, l.outcome, l.reason, l.job_id, j.state AS job_state
            FROM occurrence l LEFT JOIN job j ON j.id = l.job_id
            WHERE l.schedule_id = c.id ORDER BY l.planned_at DESC, l.fold DESC LIMIT 1
        ) o ON true
        """

    private static func schedule(_ row: PostgresRow) throws -> ScheduleView {
        ScheduleView(
            id: try row.decode("id"), slug: try row.decode("slug"),
            institution: NamedView(slug: try row.decode("institution_slug"), name: try row.decode("institution_name")),
            integration: NamedView(slug: try row.decode("integration_slug"), name: try row.decode("integration_name")),
            kind: try row.decode("kind"), definition: try ScheduleStore.definition(row),
            pause: try ScheduleStore.pause(row), nextPlannedAt: try row.decode("next_planned_at"),
            nextAt: try row.decode("next_at"),
            lastOccurrence: try row.decode("planned_at", as: Date?.self) == nil ? nil : occurrence(row))
    }

    private static func occurrence(_ row: PostgresRow) throws -> OccurrenceView {
        let outcome: String = try row.decode("outcome")
        let state: String? = try row.decode("job_state")
        return OccurrenceView(
            plannedAt: try row.decode("planned_at"), firedAt: try row.decode("fired_at"),
            outcome: try StorageError.known(
                OccurrenceOutcome(rawValue: outcome), word: outcome, column: "occurrence.outcome"),
            reason: try row.decode("reason"), job: try row.decode("job_id", as: UUID?.self).map { JobID($0) },
            jobState: state.flatMap(JobState.init))
    }
}
