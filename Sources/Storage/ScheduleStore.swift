package import FoundationEssentials
package import Jobs
package import Postgres
package import Schedules

/// The schedules and their occurrences.
package struct ScheduleStore: Sendable {
    let database: any PostgresQuerying

    /// - Parameter database: for `takeDue` and what follows it, one transaction.
    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// A schedule as it is stored.
    package struct Stored: Sendable {
        package let id: Int64
        package let integration: Int64
        package let slug: String
        package let kind: JobKind
        package let definition: ScheduleDefinition
        /// The latest pause, over or not.
        package let pause: SchedulePause?
        /// The first occurrence that nobody has decided yet; nil if none will come.
        package let nextPlanned: Date?

        /// What its jitter and its log lines call it.
        package var key: String { Self.key(integration: integration, slug: slug) }

        /// The same before it is stored.
        package static func key(integration: Int64, slug: String) -> String { "\(integration)/\(slug)" }
    }

    static let columns: PostgresQuery = """
        c.id, c.integration_id, c.slug, c.kind, c.cron, c.time_zone, c.overlap, c.catch_up_mode,
        extract(epoch FROM c.catch_up)::double precision AS catch_up_seconds, c.jitter_seconds,
        c.pause_after_failures, c.quiet::text AS quiet, c.pause_from, c.pause_until, c.pause_reason, c.pause_by,
        least(c.next_planned_at, c.next_at) AS next_planned_at
        """

    /// Takes schedules that are due, the most overdue first, and locks them for this transaction; those that another
    /// scheduler has locked are passed over, and those of a kind that only a newer version knows. Served by the index
    /// `schedule_due`, so a tick costs what is due.
    package func takeDue(now: Date, limit: Int) async throws -> [Stored] {
        try await database.query(Self.due(now: now, limit: limit)).map(Self.stored)
    }

    static func due(now: Date, limit: Int) -> PostgresQuery {
        """
        SELECT \(columns) FROM schedule c
        WHERE c.next_at <= \(now) AND c.kind = ANY(\(JobKind.allCases.map(\.rawValue))::text[])
        ORDER BY c.next_at LIMIT \(limit) FOR UPDATE SKIP LOCKED
        """
    }

    /// A schedule, locked for this transaction so that no scheduler decides about it meanwhile; nil if there is none.
    /// Served by the primary key.
    package func take(_ id: Int64) async throws -> Stored? {
        try await database.query(
            "SELECT \(Self.columns) FROM schedule c WHERE c.id = \(id) FOR UPDATE"
        ).first.map(Self.stored)
    }

    /// The same by its name. The unique constraint serves it.
    package func take(_ slug: String, integration: Int64) async throws -> Stored? {
        try await database.query(
            """
            SELECT \(Self.columns) FROM schedule c WHERE c.integration_id = \(integration) AND c.slug = \(slug) FOR UPDATE
            """
        ).first.map(Self.stored)
    }

    /// When a schedule is due next.
    package struct Next: Sendable {
        package let planned: Date?
        /// With its share of the jitter.
        package let start: Date?

        package init(planned: Date?, start: Date?) {
            self.planned = planned
            self.start = start
        }
    }

    /// Creates a schedule or replaces what it says.
    ///
    /// When it fires next changes only with its expression, zone or jitter: to describe a schedule again loses no
    /// occurrence that is due. The keys of the unique constraint serve it.
    /// - Parameters:
    ///   - paused: nil leaves a pause as it is.
    package func put(
        _ slug: String, integration: Int64, kind: JobKind, definition: ScheduleDefinition, paused: Bool? = nil,
        next: Next
    ) async throws {
        let quiet = try Self.json(definition.quiet)
        let failures = definition.pauseAfterFailures.map { Int16($0) }
        try await database.execute(
            """
            INSERT INTO schedule AS c (integration_id, slug, kind, cron, time_zone, overlap, catch_up_mode, catch_up,
                jitter_seconds, pause_after_failures, quiet, next_planned_at, next_at, pause_from, pause_reason, pause_by)
            VALUES (\(integration), \(slug), \(kind.rawValue), \(definition.cron), \(definition.timeZone),
                \(definition.overlap.rawValue), \(definition.catchUp.mode.rawValue),
                make_interval(secs => \(definition.catchUp.window)), \(Int32(definition.jitterSeconds)), \(failures),
                \(quiet)::jsonb, \(next.planned), \(next.start),
                CASE WHEN \(paused ?? false) THEN now() END, CASE WHEN \(paused ?? false) THEN 'as its description says' END,
                CASE WHEN \(paused ?? false) THEN 'rosterline apply' END)
            ON CONFLICT (integration_id, slug) DO UPDATE SET kind = excluded.kind, cron = excluded.cron,
                time_zone = excluded.time_zone, overlap = excluded.overlap, catch_up_mode = excluded.catch_up_mode,
                catch_up = excluded.catch_up, jitter_seconds = excluded.jitter_seconds,
                pause_after_failures = excluded.pause_after_failures, quiet = excluded.quiet,
                next_planned_at = CASE WHEN \(Self.sameTimes) THEN c.next_planned_at ELSE excluded.next_planned_at END,
                next_at = CASE WHEN \(Self.sameTimes) THEN c.next_at ELSE excluded.next_at END,
                updated_at = now()
            """)
        if let paused { try await apply(paused: paused, to: slug, integration: integration) }
    }

    private static let sameTimes: PostgresQuery = """
        (c.next_at IS NOT NULL AND (c.cron, c.time_zone, c.jitter_seconds)
            = (excluded.cron, excluded.time_zone, excluded.jitter_seconds))
        """

    /// A description pauses what runs and resumes what is paused; it does not replace a pause that there is.
    private func apply(paused: Bool, to slug: String, integration: Int64) async throws {
        try await database.execute(
            paused
                ? """
                UPDATE schedule SET pause_from = now(), pause_until = NULL, pause_reason = 'as its description says',
                    pause_by = 'rosterline apply'
                WHERE integration_id = \(integration) AND slug = \(slug)
                    AND (pause_from IS NULL OR pause_until <= now())
                """
                : """
                UPDATE schedule SET pause_until = now() WHERE integration_id = \(integration) AND slug = \(slug)
                    AND pause_from IS NOT NULL AND (pause_until IS NULL OR pause_until > now())
                """)
    }

    static func stored(_ row: PostgresRow) throws -> Stored {
        let kind: String = try row.decode("kind")
        return Stored(
            id: try row.decode("id"), integration: try row.decode("integration_id"), slug: try row.decode("slug"),
            kind: try StorageError.known(JobKind(rawValue: kind), word: kind, column: "schedule.kind"),
            definition: try definition(row), pause: try pause(row), nextPlanned: try row.decode("next_planned_at"))
    }

    static func definition(_ row: PostgresRow) throws -> ScheduleDefinition {
        let overlap: String = try row.decode("overlap")
        let mode: String = try row.decode("catch_up_mode")
        var definition = ScheduleDefinition(cron: try row.decode("cron"), timeZone: try row.decode("time_zone"))
        definition.overlap = try StorageError.known(
            OverlapPolicy(rawValue: overlap), word: overlap, column: "schedule.overlap")
        definition.catchUp = CatchUp(
            try StorageError.known(CatchUp.Mode(rawValue: mode), word: mode, column: "schedule.catch_up_mode"),
            window: try row.decode("catch_up_seconds"))
        definition.jitterSeconds = Int(try row.decode("jitter_seconds", as: Int32.self))
        definition.pauseAfterFailures = try row.decode("pause_after_failures", as: Int16?.self).map { Int($0) }
        let quiet: String = try row.decode("quiet")
        definition.quiet = try JSONDecoder().decode([QuietRange].self, from: Data(quiet.utf8))
        return definition
    }

    static func pause(_ row: PostgresRow) throws -> SchedulePause? {
        guard let from: Date = try row.decode("pause_from") else { return nil }
        return SchedulePause(
            from: from, until: try row.decode("pause_until"),
            reason: try row.decode("pause_reason", as: String?.self) ?? "",
            by: try row.decode("pause_by", as: String?.self) ?? "somebody")
    }

    private static func json(_ quiet: [QuietRange]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(quiet), as: UTF8.self)
    }
}
