package import FoundationEssentials
package import Jobs
import Postgres

extension ImportStore {
    /// An import that is to be asked about.
    package struct Poll: Sendable {
        /// What Canvas is asked.
        package enum Wish: Sendable, Hashable {
            /// How it stands.
            case state
            /// To stop: its step was cancelled, then.
            case abort(since: Date)
        }

        package let wish: Wish
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
    /// An import whose attempt has not ended yet keeps its turn for the next interval, or for a second if its job is
    /// being cancelled: an end that Canvas told now could not be written, as the step does not wait yet. One whose step
    /// was cancelled is to be aborted, until `polled` says that it has ended. One whose step has ended otherwise is
    /// asked about no more.
    package func takeDue(limit: Int, next: Duration) async throws -> [Poll] {
        let next = next / .seconds(1)
        let rows = try await database.query(
            """
            WITH due AS (
                SELECT job_id, ordinal, batch FROM sis_import WHERE next_poll_at <= clock_timestamp()
                ORDER BY next_poll_at LIMIT \(limit) FOR UPDATE SKIP LOCKED
            ), taken AS (
                UPDATE sis_import s SET next_poll_at = CASE
                    WHEN step.state = 'waiting' OR step.state = 'cancelled' AND s.ended_at IS NULL
                        THEN clock_timestamp() + make_interval(secs => \(next))
                    WHEN step.state IN ('running', 'queued') THEN clock_timestamp() + make_interval(
                        secs => CASE WHEN step.cancel_requested_at IS NULL THEN \(next) ELSE \(min(next, 1)) END)
                    END
                FROM due JOIN step ON step.job_id = due.job_id AND step.ordinal = due.ordinal
                WHERE s.job_id = due.job_id AND s.ordinal = due.ordinal AND s.batch = due.batch
                RETURNING s.job_id, s.ordinal, s.batch, s.canvas_id, s.poll_failures, s.next_poll_at,
                    coalesce(s.workflow_state, '') AS state, step.fencing_token, step.state AS step_state,
                    CASE WHEN step.state = 'cancelled' THEN coalesce(step.finished_at, clock_timestamp()) END AS cancelled_at
            )
            SELECT taken.job_id, taken.ordinal, taken.fencing_token, taken.batch::int, taken.canvas_id,
                taken.poll_failures::int, taken.state, job.settings::text, taken.cancelled_at
            FROM taken JOIN job ON job.id = taken.job_id
            WHERE taken.step_state IN ('waiting', 'cancelled') AND taken.next_poll_at IS NOT NULL
            """)
        return try rows.map { row in
            let (job, ordinal, token, batch, canvasID, failures, state, settings, cancelledAt) = try row.decode(
                (
                    UUID.self, Int16.self, Int64.self, Int.self, String.self, Int.self, String.self, String.self,
                    Date?.self
                ))
            return Poll(
                wish: cancelledAt.map { .abort(since: $0) } ?? .state,
                lease: StepLease(step: StepID(job: JobID(job), ordinal: ordinal), token: token, owner: "poller"),
                batch: batch, canvasID: canvasID, failures: failures, workflowState: state, settings: settings)
        }
    }

    /// Writes down Canvas's answer. One that comes after the import's end, or for an attempt that another one followed,
    /// is dropped.
    ///
    /// - Parameters:
    ///   - nextPollAt: nil once the import has ended. An earlier time that stands already is kept: somebody may have
    ///     cancelled the job while Canvas was asked.
    package func polled(
        _ poll: Poll, workflowState: String, progress: Int, answer: String, nextPollAt: Date?
    ) async throws {
        try await database.execute(
            """
            UPDATE sis_import SET workflow_state = \(workflowState), progress = \(Int16(progress)),
                answer = \(answer)::jsonb, polled_at = clock_timestamp(), poll_failures = 0,
                next_poll_at = CASE WHEN \(nextPollAt)::timestamptz IS NOT NULL THEN least(next_poll_at, \(nextPollAt)) END,
                ended_at = CASE WHEN \(nextPollAt)::timestamptz IS NULL THEN clock_timestamp() END
            FROM step WHERE \(Self.isOpen(poll))
            """)
    }

    /// Writes down that Canvas did not answer; the next poll stands already unless another time is given. Dropped as
    /// an answer would be.
    package func pollFailed(_ poll: Poll, nextPollAt: Date?) async throws {
        try await database.execute(
            """
            UPDATE sis_import SET poll_failures = least(poll_failures + 1, 30000),
                next_poll_at = coalesce(\(nextPollAt), next_poll_at)
            FROM step WHERE \(Self.isOpen(poll))
            """)
    }

    /// True of the poll's import `sis_import` with its step, while nobody wrote its end and the attempt is the last.
    /// Served by the primary keys.
    private static func isOpen(_ poll: Poll) -> PostgresQuery {
        """
        sis_import.job_id = \(poll.lease.step.job.uuid) AND sis_import.ordinal = \(poll.lease.step.ordinal)
            AND sis_import.batch = \(Int16(poll.batch)) AND sis_import.ended_at IS NULL
            AND step.job_id = sis_import.job_id AND step.ordinal = sis_import.ordinal
            AND step.fencing_token = \(poll.lease.token)
        """
    }
}
