import FoundationEssentials
package import Jobs
import Postgres

extension StepStore {
    /// Puts a failed step back into its queue, in the same job, with all its tries before it again. The job takes its
    /// key again: one of unfinished jobs always, one of waiting jobs with its first step, which waits again.
    ///
    /// - Parameter person: who asked, as people will read it.
    /// - Returns: false if it is not failed.
    /// - Throws: `StorageError` with `.refused` if another job holds the key.
    package func runAgain(_ step: StepID, by person: String) async throws -> Bool {
        let again = try await runAgain(
            """
            SELECT s.job_id, s.ordinal, \(person)::text AS actor, \(Self.key) AS key, j.unique_scope
            FROM step s JOIN job j ON j.id = s.job_id
            WHERE s.job_id = \(step.job.uuid) AND s.ordinal = \(step.ordinal) AND s.state = 'failed' FOR UPDATE OF s
            """)
        // It was failed, so only its key can have been in the way.
        guard again.meant > again.touched else { return again.touched == 1 }
        let holder = try await database.query(
            """
            SELECT k.job_id, k.key FROM job j JOIN job_key k ON k.key = j.unique_key WHERE j.id = \(step.job.uuid)
            """
        ).first
        throw JobStore.keyIsHeld(
            of: step.job, try holder?.decode("key"), by: try holder.map { JobID(try $0.decode("job_id")) })
    }

    /// Does a batch of a retry of many; those whose key another job holds are left out. Served by `step_dead` and the
    /// key of `job_key`.
    ///
    /// - Returns: how many were looked at, and how many of them run again.
    func runAgain(action: Int64, limit: Int) async throws -> (meant: Int, touched: Int) {
        try await runAgain(
            """
            SELECT s.job_id, s.ordinal, a.actor, \(Self.key) AS key, j.unique_scope FROM dead_action a
            JOIN step s ON s.dead_group = a.group_id JOIN job j ON j.id = s.job_id
            WHERE a.id = \(action) AND \(DeadStore.isMeant) AND (a.include_overtaken OR NOT \(DeadStore.isOvertaken))
                AND NOT EXISTS (SELECT FROM job_key k WHERE k.key = \(Self.key)
                    AND (k.until IS NULL OR k.until > clock_timestamp()))
            ORDER BY s.job_id, s.ordinal LIMIT \(limit) FOR UPDATE OF s
            """)
    }

    /// The key that a job `j` takes again with its failed step `s`; null if none.
    private static let key: PostgresQuery =
        "CASE WHEN j.unique_scope = 'unfinished' OR s.ordinal = 1 THEN j.unique_key END"

    /// - Parameter meant: failed steps, locked, with who asked and the key that their job needs.
    private func runAgain(_ meant: PostgresQuery) async throws -> (meant: Int, touched: Int) {
        let rows = try await database.query(
            """
            WITH meant AS (\(meant)
            ), keyed AS (
                -- One of each key, in one order for all.
                INSERT INTO job_key (key, job_id, scope)
                SELECT DISTINCT ON (key) key, job_id, unique_scope FROM meant WHERE key IS NOT NULL ORDER BY key, job_id
                ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, scope = excluded.scope, until = NULL,
                    taken_at = clock_timestamp() WHERE job_key.until <= clock_timestamp()
                RETURNING job_id
            ), again AS (
                -- What it failed of may lie in what it saved, such as a broken package: a person's retry begins anew.
                UPDATE step SET state = 'queued', queued_at = clock_timestamp(), run_after = clock_timestamp(),
                    checkpoint = NULL, failures = 0, rescues = 0, throttles = 0, finished_at = NULL, error_code = NULL, error_message = NULL,
                    cancel_requested_at = NULL, dead_group = NULL, dead_at = NULL, discarded_at = NULL,
                    reason = 'Run again by ' || meant.actor || '.'
                FROM meant WHERE step.job_id = meant.job_id AND step.ordinal = meant.ordinal
                    AND (meant.key IS NULL OR meant.job_id IN (SELECT job_id FROM keyed))
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
            SELECT (SELECT count(*) FROM meant) AS meant, (SELECT count(*) FROM again) AS touched,
                pg_notify('\(unescaped: OutboxStore.channel)', '')::text AS bell
            """)
        guard let (meant, touched, _) = try rows.first?.decode((Int64.self, Int64.self, String.self)) else {
            return (0, 0)
        }
        return (Int(meant), Int(touched))
    }
}
