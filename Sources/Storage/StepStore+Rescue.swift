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

    /// How long until the first lease that is held runs out, by the database's clock; nil if none is held. Served as
    /// ``rescue(rescueLimit:limit:)`` is.
    package func untilNextExpiry() async throws -> Duration? {
        let row = try await database.query(
            """
            SELECT extract(epoch FROM min(s.leased_until) - clock_timestamp())::float8 AS seconds
            FROM outbox o JOIN step s ON s.job_id = o.job_id AND s.ordinal = o.ordinal
            WHERE o.rung_at IS NOT NULL AND s.state = 'running'
            """
        ).first
        return try row?.decode("seconds", as: Double?.self).map { .seconds($0) }
    }

    /// Takes steps back whose lease has run out, by that and by nothing else: a long step is not a lost one. Served by
    /// the index `outbox_rung`, which holds what is in flight.
    ///
    /// - Parameters:
    ///   - rescueLimit: the number of rescues at which a step is parked as failed.
    ///   - limit: how many steps at once.
    package func rescue(rescueLimit: Int, limit: Int = 500) async throws -> [Rescue] {
        let rows = try await database.query(
            """
            WITH lost AS (
                SELECT s.job_id, s.ordinal, s.lease_owner, s.fencing_token, s.claimed_at
                FROM outbox o JOIN step s ON s.job_id = o.job_id AND s.ordinal = o.ordinal
                WHERE o.rung_at IS NOT NULL AND s.state = 'running' AND s.leased_until < clock_timestamp()
                LIMIT \(limit) FOR UPDATE OF s SKIP LOCKED
            ), rescued AS (
                UPDATE step SET lease_owner = NULL, leased_until = NULL, rescues = step.rescues + 1,
                    state = CASE WHEN step.rescues + 1 >= \(rescueLimit) THEN 'failed' ELSE 'queued' END,
                    -- Its place in the order stays what it was: behind all that came since, a rescue would take as long
                    -- as the institution's backlog.
                    queued_at = clock_timestamp(), run_after = least(step.run_after, clock_timestamp()),
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
                RETURNING step.job_id, step.ordinal, step.kind, step.version, step.state, step.rescues, step.run_after,
                    lost.lease_owner, lost.fencing_token, lost.claimed_at
            ), progress_gone AS (
                DELETE FROM step_progress p USING rescued WHERE p.job_id = rescued.job_id AND p.ordinal = rescued.ordinal
            ), tried AS (
                INSERT INTO attempt (job_id, ordinal, token, worker, started_at, ended_at, outcome)
                SELECT job_id, ordinal, fencing_token, lease_owner, claimed_at, clock_timestamp(), 'rescued' FROM rescued
            ), ended AS (
                SELECT * FROM rescued
            ), following AS (
                SELECT job_id, ordinal, kind, version, run_after FROM rescued WHERE false
            ), concluded AS (
                UPDATE job SET updated_at = clock_timestamp(),
                    state = CASE WHEN rescued.state = 'failed' THEN 'failed' ELSE job.state END,
                    finished_at = CASE WHEN rescued.state = 'failed' THEN clock_timestamp() END
                FROM rescued WHERE job.id = rescued.job_id
                RETURNING job.id, job.finished_at
            ), \(Self.afterwards())
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

    /// Removes the progress of steps that no longer run: a report that is under way while its step ends leaves a row
    /// that nobody would look for. The table holds little but what runs, so all of it is read; the steps are found by
    /// their primary key.
    ///
    /// - Returns: how many rows went.
    @discardableResult
    package func sweepProgress() async throws -> Int {
        try await database.execute(
            """
            DELETE FROM step_progress p WHERE p.updated_at < clock_timestamp() - interval '1 minute' AND NOT EXISTS (
                SELECT FROM step s WHERE s.job_id = p.job_id AND s.ordinal = p.ordinal AND s.state = 'running')
            """)
    }
}
