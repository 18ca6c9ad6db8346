import FoundationEssentials
package import Jobs
package import Postgres

extension JobStore {
    /// Postgres notifies this channel, with the job's id, when a running step is to stop; a hint, as workers look too.
    package static let cancelChannel = "rosterline_cancel"

    /// Asks for the end of a job. What does not run ends at once; a running step is told, and has until
    /// `StepStore.fenceCancelled` takes its lease away.
    ///
    /// An import that Canvas has is due for a poll from this moment: once its step is cancelled, a poll asks Canvas to
    /// abort it (`ImportStore.takeDue`). Nobody needs to remember that wish: it is what the rows say.
    ///
    /// - Parameters:
    ///   - person: who asks.
    ///   - reason: a sentence for whoever looks at the job later.
    /// - Returns: false if the job has ended already, or there is none.
    @discardableResult
    package static func cancel(
        _ job: JobID, by person: String, reason: String, in transaction: PostgresTransaction
    ) async throws -> Bool {
        // The locks are taken in the order in which an ending takes them: steps, then job. Whoever claims a step
        // meanwhile waits here, and then finds it cancelled.
        try await transaction.execute(
            "SELECT FROM step WHERE job_id = \(job.uuid) ORDER BY ordinal FOR UPDATE")
        let asked = try await transaction.query(
            """
            UPDATE job SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
                cancel_requested_by = coalesce(cancel_requested_by, \(person)),
                cancel_reason = coalesce(cancel_reason, \(reason)), updated_at = clock_timestamp(),
                state = CASE WHEN EXISTS (\(isRunning(job))) THEN state ELSE 'cancelled' END,
                finished_at = CASE WHEN EXISTS (\(isRunning(job))) THEN NULL ELSE clock_timestamp() END
            WHERE id = \(job.uuid) AND finished_at IS NULL RETURNING id
            """)
        guard !asked.isEmpty else { return false }
        let words = "Cancelled by \(person): \(reason)"
        _ = try await transaction.query(
            """
            WITH stopped AS (
                UPDATE step SET state = 'cancelled', finished_at = clock_timestamp(), reason = \(words)
                WHERE job_id = \(job.uuid) AND state IN ('pending', 'queued', 'waiting', 'held')
                RETURNING job_id, ordinal
            ), cut AS (
                UPDATE job SET cut_short = true WHERE id = \(job.uuid) AND EXISTS (SELECT FROM stopped)
            ), told AS (
                UPDATE step SET cancel_requested_at = clock_timestamp(), reason = \(words)
                WHERE job_id = \(job.uuid) AND state = 'running' AND cancel_requested_at IS NULL RETURNING job_id
            ), aborts AS (
                UPDATE sis_import SET next_poll_at = clock_timestamp()
                WHERE job_id = \(job.uuid) AND canvas_id IS NOT NULL AND ended_at IS NULL
            ), tickets_gone AS (
                DELETE FROM outbox o USING stopped s WHERE o.job_id = s.job_id AND o.ordinal = s.ordinal
            ), let_go AS (
                UPDATE outbox o SET after_job = NULL FROM job j
                WHERE o.after_job = \(job.uuid) AND j.id = \(job.uuid) AND j.finished_at IS NOT NULL
            ), keys_gone AS (
                DELETE FROM job_key k USING job j
                WHERE k.job_id = \(job.uuid) AND k.scope <> 'window' AND j.id = k.job_id AND j.finished_at IS NOT NULL
            )
            SELECT pg_notify('\(unescaped: cancelChannel)', \(job.description))::text AS told,
                pg_notify('\(unescaped: OutboxStore.channel)', '')::text AS bell
            """)
        return true
    }

    private static func isRunning(_ job: JobID) -> PostgresQuery {
        "SELECT FROM step WHERE job_id = \(job.uuid) AND state = 'running'"
    }
}

extension StepStore {
    /// Takes the leases of steps away whose job was cancelled so long ago and that have not stopped by themselves: from
    /// then on nothing of their attempt can be written. Served by the index `outbox_rung`.
    ///
    /// - Returns: the steps.
    package func fenceCancelled(after patience: Duration) async throws -> [StepID] {
        let rows = try await database.query(
            """
            WITH late AS (
                SELECT s.job_id, s.ordinal, s.lease_owner, s.fencing_token, s.claimed_at
                FROM outbox o JOIN step s ON s.job_id = o.job_id AND s.ordinal = o.ordinal
                WHERE o.rung_at IS NOT NULL AND s.state = 'running'
                    AND s.cancel_requested_at < clock_timestamp() - make_interval(secs => \(patience / .seconds(1)))
                LIMIT 500 FOR UPDATE OF s SKIP LOCKED
            ), ended AS (
                UPDATE step SET state = 'cancelled', lease_owner = NULL, leased_until = NULL,
                    fencing_token = step.fencing_token + 1, finished_at = clock_timestamp(), checkpoint = NULL
                FROM late WHERE step.job_id = late.job_id AND step.ordinal = late.ordinal
                RETURNING step.job_id, step.ordinal, step.kind, step.version, step.state, step.run_after, late.lease_owner,
                    late.fencing_token, late.claimed_at
            ), progress_gone AS (
                DELETE FROM step_progress p USING ended WHERE p.job_id = ended.job_id AND p.ordinal = ended.ordinal
            ), tried AS (
                INSERT INTO attempt (job_id, ordinal, token, worker, started_at, ended_at, outcome)
                SELECT job_id, ordinal, fencing_token, lease_owner, claimed_at, clock_timestamp(), 'cancelled' FROM ended
            ), following AS (
                SELECT job_id, ordinal, kind, version, run_after FROM ended WHERE false
            ), concluded AS (
                UPDATE job SET state = 'cancelled', updated_at = clock_timestamp(), finished_at = clock_timestamp()
                FROM ended WHERE job.id = ended.job_id
                RETURNING job.id, job.finished_at
            ), \(Self.afterwards())
            SELECT job_id, ordinal, (SELECT count(*) FROM bell) AS bells FROM ended
            """)
        return try rows.map { row in
            let (job, ordinal, _) = try row.decode((UUID.self, Int16.self, Int64.self))
            return StepID(job: JobID(job), ordinal: ordinal)
        }
    }
}
