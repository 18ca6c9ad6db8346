package import FoundationEssentials
package import Jobs
import Postgres

extension ImportStore {
    /// An import that is to be asked about.
    package struct Poll: Sendable {
        /// The lease's token is that of the attempt that handed the import over; it ends the step's wait.
        package let lease: StepLease
        package let batch: Int
        package let canvasID: String
        package let failures: Int
        /// What Canvas said of it last.
        package let workflowState: String
        /// JSON of the integration's settings as the job has them.
        package let settings: String
    }

    /// Takes imports that are due for a poll, and sets their next one, so that any number of pollers share the work and
    /// one that dies loses nothing but an interval. Served by the index `sis_import_due`.
    ///
    /// An import whose attempt has not ended yet keeps its turn for the next interval: an end that Canvas told now
    /// could not be written, as the step does not wait yet. One whose step has ended otherwise is asked about no more.
    package func takeDue(limit: Int, next: Duration) async throws -> [Poll] {
        let rows = try await database.query(
            """
            WITH due AS (
                SELECT job_id, ordinal, batch FROM sis_import WHERE next_poll_at <= clock_timestamp()
                ORDER BY next_poll_at LIMIT \(limit) FOR UPDATE SKIP LOCKED
            ), taken AS (
                UPDATE sis_import s SET next_poll_at = CASE WHEN step.state IN ('waiting', 'running', 'queued')
                    THEN clock_timestamp() + make_interval(secs => \(next / .seconds(1))) END
                FROM due JOIN step ON step.job_id = due.job_id AND step.ordinal = due.ordinal
                WHERE s.job_id = due.job_id AND s.ordinal = due.ordinal AND s.batch = due.batch
                RETURNING s.job_id, s.ordinal, s.batch, s.canvas_id, s.poll_failures,
                    coalesce(s.workflow_state, '') AS state, step.fencing_token, step.state AS step_state
            )
            SELECT taken.job_id, taken.ordinal, taken.fencing_token, taken.batch::int, taken.canvas_id,
                taken.poll_failures::int, taken.state, job.settings::text
            FROM taken JOIN job ON job.id = taken.job_id WHERE taken.step_state = 'waiting'
            """)
        return try rows.map { row in
            let (job, ordinal, token, batch, canvasID, failures, state, settings) = try row.decode(
                (UUID.self, Int16.self, Int64.self, Int.self, String.self, Int.self, String.self, String.self))
            return Poll(
                lease: StepLease(step: StepID(job: JobID(job), ordinal: ordinal), token: token, owner: "poller"),
                batch: batch, canvasID: canvasID, failures: failures, workflowState: state, settings: settings)
        }
    }

    /// Writes down Canvas's answer.
    ///
    /// - Parameters:
    ///   - nextPollAt: nil once the import has ended.
    package func polled(
        _ poll: Poll, workflowState: String, progress: Int, answer: String, nextPollAt: Date?
    ) async throws {
        try await database.execute(
            """
            UPDATE sis_import SET workflow_state = \(workflowState), progress = \(Int16(progress)),
                answer = \(answer)::jsonb, polled_at = clock_timestamp(), poll_failures = 0, next_poll_at = \(nextPollAt),
                ended_at = CASE WHEN \(nextPollAt)::timestamptz IS NULL THEN clock_timestamp() END
            WHERE job_id = \(poll.lease.step.job.uuid) AND ordinal = \(poll.lease.step.ordinal)
                AND batch = \(Int16(poll.batch))
            """)
    }

    /// Writes down that Canvas did not answer; the next poll stands already unless another time is given.
    package func pollFailed(_ poll: Poll, nextPollAt: Date?) async throws {
        try await database.execute(
            """
            UPDATE sis_import SET poll_failures = least(poll_failures + 1, 30000),
                next_poll_at = coalesce(\(nextPollAt), next_poll_at)
            WHERE job_id = \(poll.lease.step.job.uuid) AND ordinal = \(poll.lease.step.ordinal)
                AND batch = \(Int16(poll.batch))
            """)
    }
}
