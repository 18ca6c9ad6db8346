import FoundationEssentials
import Jobs
import Postgres

extension StatusQueries {
    /// Why the queued steps of a job wait, by ordinal, with the database's time. Served by the primary keys and by
    /// `outbox_rung`.
    func waits(of id: JobID) async throws -> [Int: (wait: StepWait, readAt: Date)] {
        let rows = try await database.query(
            """
            SELECT o.ordinal, o.kind, o.version, n.slug, o.due_at, o.after_job, o.rung_at, o.unanswered,
                p.scope, p.target, p.until, p.reason, n.concurrent_steps,
                CASE WHEN n.concurrent_steps IS NULL THEN 0 ELSE (
                    SELECT count(*) FROM outbox r WHERE r.institution_id = n.id AND r.rung_at IS NOT NULL)::int END AS in_flight,
                n.steps_per_minute, coalesce(n.burst, n.steps_per_minute) AS burst, l.tokens,
                greatest(l.refilled_at, '1970-01-01 00:00:00+00') AS refilled_at, clock_timestamp() AS read_at
            FROM outbox o JOIN step s ON s.job_id = o.job_id AND s.ordinal = o.ordinal AND s.state = 'queued'
            JOIN institution n ON n.id = o.institution_id JOIN lane l ON l.institution_id = n.id
            LEFT JOIN LATERAL (
                SELECT p.scope, p.target, p.until, p.reason FROM pause p WHERE \(OutboxStore.pauseHolds)
                ORDER BY p.until DESC NULLS FIRST LIMIT 1
            ) AS p ON true
            WHERE o.job_id = \(id.uuid)
            """)
        return try rows.reduce(into: [:]) { waits, row in
            let ordinal = Int(try row.decode("ordinal", as: Int16.self))
            waits[ordinal] = (try Self.wait(row), try row.decode("read_at"))
        }
    }

    private static func wait(_ row: PostgresRow) throws -> StepWait {
        var wait = StepWait(
            kind: try row.decode("kind"), version: Int(try row.decode("version", as: Int16.self)),
            institution: try row.decode("slug"), dueAt: try row.decode("due_at"))
        wait.afterJob = try row.decode("after_job", as: UUID?.self).map { JobID($0).description }
        wait.rungAt = try row.decode("rung_at")
        wait.unanswered = Int(try row.decode("unanswered", as: Int16.self))
        if let scope = try row.decode("scope", as: String?.self) {
            wait.pause = StepWait.Pause(
                scope: scope, target: try row.decode("target"), until: try row.decode("until"),
                reason: try row.decode("reason"))
        }
        wait.limit = try row.decode("concurrent_steps")
        wait.inFlight = try row.decode("in_flight")
        if let perMinute = try row.decode("steps_per_minute", as: Int?.self) {
            wait.bucket = OutboxStore.Lane.Bucket(
                tokens: try row.decode("tokens"), refilledAt: try row.decode("refilled_at"), perMinute: perMinute,
                burst: try row.decode("burst"))
        }
        return wait
    }
}
