package import FoundationEssentials
package import Jobs
package import Postgres

/// The schedules and their occurrences.
package struct ScheduleStore: Sendable {
    private let database: any PostgresQuerying

    /// - Parameter database: for `takeDue` and what follows it, one transaction.
    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// A schedule that is due.
    package struct Due: Sendable {
        package let id: Int64
        package let integration: Int64
        package let slug: String
        package let kind: JobKind
        package let cron: String
        package let timeZone: String
        /// How late an occurrence may still start, in seconds.
        package let catchUpSeconds: Double
        package let nextAt: Date
    }

    /// Takes schedules that are due, the most overdue first, and locks them for this transaction; those that another
    /// scheduler has locked are passed over. Served by the index `schedule_due`, so a tick costs what is due.
    package func takeDue(now: Date, limit: Int) async throws -> [Due] {
        let rows = try await database.query(
            """
            SELECT id, integration_id, slug, kind, cron, time_zone, extract(epoch FROM catch_up)::double precision, next_at
            FROM schedule WHERE NOT paused AND next_at <= \(now)
            ORDER BY next_at LIMIT \(limit) FOR UPDATE SKIP LOCKED
            """)
        return try rows.map { row in
            let (id, integration, slug, kind, cron, zone, catchUp, nextAt) = try row.decode(
                (Int64.self, Int64.self, String.self, String.self, String.self, String.self, Double.self, Date.self))
            return Due(
                id: id, integration: integration, slug: slug,
                kind: try StorageError.known(JobKind(rawValue: kind), word: kind, column: "schedule.kind"),
                cron: cron, timeZone: zone, catchUpSeconds: catchUp, nextAt: nextAt)
        }
    }

    /// Writes down an occurrence.
    ///
    /// - Returns: false if it had been written before; then nobody may start a job for it.
    package func record(
        schedule: Int64, localDate: String, slot: String, fold: Int, plannedAt: Date, job: JobID?
    ) async throws -> Bool {
        try await database.execute(
            """
            INSERT INTO occurrence (schedule_id, local_date, slot, fold, planned_at, outcome, job_id)
            VALUES (\(schedule), \(localDate)::date, \(slot)::time, \(Int16(fold)), \(plannedAt),
                \(job == nil ? "missed" : "started"), \(job?.uuid))
            ON CONFLICT DO NOTHING
            """) == 1
    }

    /// Sets when the schedule is due next; nil if its expression never fires again.
    package func setNext(_ next: Date?, of schedule: Int64) async throws {
        try await database.execute("UPDATE schedule SET next_at = \(next) WHERE id = \(schedule)")
    }

    /// Creates a schedule or replaces it.
    package func put(
        _ slug: String, integration: Int64, kind: JobKind, cron: String, timeZone: String, paused: Bool, nextAt: Date?
    ) async throws {
        try await database.execute(
            """
            INSERT INTO schedule (integration_id, slug, kind, cron, time_zone, paused, next_at)
            VALUES (\(integration), \(slug), \(kind.rawValue), \(cron), \(timeZone), \(paused), \(nextAt))
            ON CONFLICT (integration_id, slug) DO UPDATE SET kind = excluded.kind, cron = excluded.cron,
                time_zone = excluded.time_zone, paused = excluded.paused, next_at = excluded.next_at, updated_at = now()
            """)
    }
}
