import FoundationEssentials
package import Jobs
import Postgres

extension StepStore {
    /// Puts a failed step back into its queue, in the same job, with all its tries before it again.
    ///
    /// - Parameter person: who asked, as people will read it.
    /// - Returns: false if it is not failed.
    package func runAgain(_ step: StepID, by person: String) async throws -> Bool {
        try await runAgain(
            """
            SELECT s.job_id, s.ordinal, \(person)::text AS actor FROM step s
            WHERE s.job_id = \(step.job.uuid) AND s.ordinal = \(step.ordinal) AND s.state = 'failed' FOR UPDATE
            """) == 1
    }

    /// Does a batch of a retry of many. Served by `step_dead`.
    func runAgain(action: Int64, limit: Int) async throws -> Int {
        try await runAgain(
            """
            SELECT s.job_id, s.ordinal, a.actor FROM dead_action a
            JOIN step s ON s.dead_group = a.group_id JOIN job j ON j.id = s.job_id
            WHERE a.id = \(action) AND \(DeadStore.isMeant) AND (a.include_overtaken OR NOT \(DeadStore.isOvertaken))
            ORDER BY s.job_id, s.ordinal LIMIT \(limit) FOR UPDATE OF s
            """)
    }

    /// - Parameter meant: failed steps, locked, with who asked.
    private func runAgain(_ meant: PostgresQuery) async throws -> Int {
        let rows = try await database.query(
            """
            WITH meant AS (\(meant)
            ), again AS (
                -- What it failed of may lie in what it saved, such as a broken package: a person's retry begins anew.
                UPDATE step SET state = 'queued', queued_at = clock_timestamp(), run_after = clock_timestamp(),
                    checkpoint = NULL, failures = 0, rescues = 0, throttles = 0, finished_at = NULL, error_code = NULL, error_message = NULL,
                    cancel_requested_at = NULL, dead_group = NULL, dead_at = NULL, discarded_at = NULL,
                    reason = 'Run again by ' || meant.actor || '.'
                FROM meant WHERE step.job_id = meant.job_id AND step.ordinal = meant.ordinal
                RETURNING step.job_id, step.ordinal, step.kind, step.version, step.run_after, step.fencing_token
            ), imports_ended AS (
                -- A step that failed while it waited failed because Canvas's import had ended: that one is history, and the
                -- next attempt sends a batch of its own. One that failed otherwise may have an import that is alive.
                UPDATE sis_import i SET ended_at = coalesce(i.ended_at, clock_timestamp()), next_poll_at = NULL
                FROM again JOIN attempt t ON t.job_id = again.job_id AND t.ordinal = again.ordinal
                    AND t.token = again.fencing_token AND t.outcome = 'waiting'
                WHERE i.job_id = again.job_id AND i.ordinal = again.ordinal AND i.canvas_id IS NOT NULL
            ), reopened AS (
                UPDATE job SET state = 'in_progress', finished_at = NULL, updated_at = clock_timestamp(),
                    cancel_requested_at = NULL, cancel_requested_by = NULL, cancel_reason = NULL
                FROM again WHERE job.id = again.job_id
                RETURNING job.id, job.institution_id, job.integration_id, job.kind, job.priority
            ), rung AS (
                INSERT INTO outbox AS o (job_id, ordinal, institution_id, integration_id, job_kind, kind, version, priority, due_at,
                    rings)
                SELECT a.job_id, a.ordinal, r.institution_id, r.integration_id, r.kind, a.kind, a.version, r.priority,
                    a.run_after, 1
                FROM again a JOIN reopened r ON r.id = a.job_id
                ON CONFLICT (job_id, ordinal) DO UPDATE SET rung_at = NULL, rung_by = NULL, due_at = excluded.due_at,
                    rings = least(o.rings + 1, 30000), unanswered = 0
            )
            SELECT (SELECT count(*) FROM again) AS touched, pg_notify('\(unescaped: OutboxStore.channel)', '')::text AS bell
            """)
        return Int(try rows.first?.decode("touched", as: Int64.self) ?? 0)
    }
}
