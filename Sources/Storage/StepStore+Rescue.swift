import FoundationEssentials
package import Jobs
import Postgres

extension StepStore {
    /// A step whose lease ran out.
    package struct Rescue: Sendable {
        package let step: StepID
        /// The worker that did not come back.
        package let owner: String
        package let rescues: Int
        /// True if the limit is reached: the step is parked as failed.
        package let isParked: Bool
    }

    /// Takes steps back whose lease has run out, by that and by nothing else: a long step is not a lost one. Served by
    /// the index `step_leased`, which holds running steps only.
    ///
    /// - Parameters:
    ///   - rescueLimit: the number of rescues at which a step is parked as failed.
    ///   - limit: how many steps at once.
    package func rescue(rescueLimit: Int, limit: Int = 500) async throws -> [Rescue] {
        let rows = try await database.query(
            """
            WITH lost AS (
                SELECT job_id, ordinal, lease_owner, fencing_token FROM step
                WHERE state = 'running' AND leased_until < clock_timestamp()
                ORDER BY leased_until LIMIT \(limit) FOR UPDATE SKIP LOCKED
            ), rescued AS (
                UPDATE step SET lease_owner = NULL, leased_until = NULL, rescues = step.rescues + 1,
                    state = CASE WHEN step.rescues + 1 >= \(rescueLimit) THEN 'failed' ELSE 'queued' END,
                    queued_at = clock_timestamp(), run_after = clock_timestamp(),
                    percent = greatest(step.percent, p.percent),
                    reason = CASE WHEN step.rescues + 1 >= \(rescueLimit) THEN NULL
                        ELSE 'The worker stopped answering; rescued ' || (step.rescues + 1) || ' of '
                            || \(rescueLimit - 1)::int || ' times.' END,
                    error_code = CASE WHEN step.rescues + 1 >= \(rescueLimit) THEN 'step.poison' END,
                    error_message = CASE WHEN step.rescues + 1 >= \(rescueLimit)
                        THEN 'Every worker that took this step stopped answering (' || (step.rescues + 1)
                            || ' times). Look for a crash in the workers'' logs before running it again.' END,
                    finished_at = CASE WHEN step.rescues + 1 >= \(rescueLimit) THEN clock_timestamp() END
                FROM lost LEFT JOIN step_progress p ON p.job_id = lost.job_id AND p.ordinal = lost.ordinal
                WHERE step.job_id = lost.job_id AND step.ordinal = lost.ordinal
                RETURNING step.job_id, step.ordinal, step.kind, step.state, step.rescues, lost.lease_owner, lost.fencing_token
            ), progress_gone AS (
                DELETE FROM step_progress p USING rescued WHERE p.job_id = rescued.job_id AND p.ordinal = rescued.ordinal
            ), tried AS (
                UPDATE attempt SET ended_at = clock_timestamp(), outcome = 'rescued'
                FROM rescued WHERE attempt.job_id = rescued.job_id AND attempt.ordinal = rescued.ordinal
                    AND attempt.token = rescued.fencing_token
            ), rung AS (
                INSERT INTO outbox (job_id, ordinal, kind)
                SELECT job_id, ordinal, kind FROM rescued WHERE state = 'queued' RETURNING id
            ), parked AS (
                UPDATE job SET state = 'failed', updated_at = clock_timestamp(), finished_at = clock_timestamp()
                FROM rescued WHERE rescued.state = 'failed' AND job.id = rescued.job_id
            ), bell AS (
                SELECT pg_notify('\(unescaped: OutboxStore.channel)', '') FROM (SELECT 1 FROM rung LIMIT 1) AS any_row
            )
            SELECT job_id, ordinal, lease_owner, rescues::int, state, (SELECT count(*) FROM bell) AS bells FROM rescued
            """)
        return try rows.map { row in
            let (job, ordinal, owner, rescues, state, _) = try row.decode(
                (UUID.self, Int16.self, String.self, Int.self, String.self, Int64.self))
            return Rescue(
                step: StepID(job: JobID(job), ordinal: ordinal), owner: owner, rescues: rescues,
                isParked: state == StepState.failed.rawValue)
        }
    }

    /// Rings again for steps that were queued long ago and never taken, though no doorbell of theirs is left: the
    /// broker lost its data, or somebody purged a queue. A second bell does no harm, as a claim takes a step only
    /// once.
    ///
    /// - Returns: how many bells were rung.
    package func ringAgain(unansweredFor patience: Duration, limit: Int = 500) async throws -> Int {
        try await database.execute(
            """
            WITH unanswered AS (
                SELECT job_id, ordinal, kind FROM step
                WHERE state = 'queued' AND queued_at < clock_timestamp() - make_interval(secs => \(patience / .seconds(1)))
                    AND run_after < clock_timestamp() - make_interval(secs => \(patience / .seconds(1)))
                    AND NOT EXISTS (SELECT FROM outbox o WHERE o.job_id = step.job_id AND o.ordinal = step.ordinal)
                ORDER BY queued_at LIMIT \(limit) FOR UPDATE SKIP LOCKED
            ), spaced AS (
                UPDATE step SET queued_at = clock_timestamp() FROM unanswered u
                WHERE step.job_id = u.job_id AND step.ordinal = u.ordinal
            )
            INSERT INTO outbox (job_id, ordinal, kind) SELECT job_id, ordinal, kind FROM unanswered
            """)
    }
}
