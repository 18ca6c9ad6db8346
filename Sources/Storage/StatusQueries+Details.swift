import FoundationEssentials
package import Jobs
import Postgres

extension StatusQueries {
    /// The most attempts that are shown of one job, the latest; a step that needs more has long been parked.
    package static let mostAttempts = 200

    /// Everything about a job, or nil if there is none. Six statements at most by primary key; they may see a running
    /// job at slightly different moments.
    package func details(of id: JobID) async throws -> JobDetailsView? {
        guard let job = try await job(id) else { return nil }
        return JobDetailsView(
            job: job, steps: try await steps(of: id), attempts: try await attempts(of: id),
            artifacts: try await artifacts(of: id), imports: try await imports(of: id))
    }

    private func steps(of id: JobID) async throws -> [StepView] {
        let rows = try await database.query(
            """
            SELECT s.ordinal, s.kind, s.state, greatest(s.percent, p.percent) AS percent, s.reason, s.run_after,
                s.lease_owner, s.failures, s.rescues, (s.counts || coalesce(p.counts, '{}'))::text AS counts,
                s.error_code, s.error_message, s.started_at, s.finished_at
            FROM step s LEFT JOIN step_progress p ON p.job_id = s.job_id AND p.ordinal = s.ordinal
            WHERE s.job_id = \(id.uuid) ORDER BY s.ordinal
            """)
        var steps = try rows.map { row in
            let state: String = try row.decode("state")
            return StepView(
                ordinal: Int(try row.decode("ordinal", as: Int16.self)), kind: try row.decode("kind"),
                state: try StorageError.known(StepState(rawValue: state), word: state, column: "step.state"),
                percent: Int(try row.decode("percent", as: Int16.self)), reason: try row.decode("reason"),
                runAfter: try row.decode("run_after"), worker: try row.decode("lease_owner"),
                failures: Int(try row.decode("failures", as: Int16.self)),
                rescues: Int(try row.decode("rescues", as: Int16.self)),
                counts: Self.counts(try row.decode("counts")), errorCode: try row.decode("error_code"),
                errorMessage: try row.decode("error_message"), startedAt: try row.decode("started_at"),
                finishedAt: try row.decode("finished_at"))
        }
        guard steps.contains(where: { $0.state == .queued }) else { return steps }
        let waits = try await waits(of: id)
        for index in steps.indices where steps[index].state == .queued {
            guard let (wait, readAt) = waits[steps[index].ordinal] else { continue }
            steps[index].wait = wait.explanation(stored: steps[index].reason, at: readAt)
        }
        return steps
    }

    /// Numbers by name; what is no whole number is left out, since an older or newer program may have written more.
    static func counts(_ json: String) -> [String: Int64] {
        let values = try? JSONDecoder().decode([String: LenientCount].self, from: Data(json.utf8))
        return (values ?? [:]).compactMapValues(\.value)
    }

    private func attempts(of id: JobID) async throws -> [AttemptView] {
        let rows = try await database.query(
            """
            SELECT ordinal, token, worker, started_at, ended_at, outcome, error_code, error_message FROM attempt
            WHERE job_id = \(id.uuid)
            UNION ALL
            SELECT ordinal, fencing_token, lease_owner, coalesce(claimed_at, started_at, clock_timestamp()), NULL, NULL, NULL,
                NULL FROM step
            WHERE job_id = \(id.uuid) AND state = 'running'
            ORDER BY ordinal DESC, token DESC LIMIT \(Self.mostAttempts)
            """)
        return try rows.reversed().map { row in
            let (ordinal, token, worker, startedAt, endedAt, outcome, code, message) = try row.decode(
                (Int16.self, Int64.self, String.self, Date.self, Date?.self, String?.self, String?.self, String?.self))
            return AttemptView(
                ordinal: Int(ordinal), token: token, worker: worker, startedAt: startedAt, endedAt: endedAt,
                outcome: outcome, errorCode: code, errorMessage: message)
        }
    }

    private func imports(of id: JobID) async throws -> [ImportView] {
        let rows = try await database.query(
            """
            SELECT ordinal, batch, canvas_id, adopted, workflow_state, progress, answer::text AS answer, submissions,
                submitted_at, polled_at, next_poll_at, ended_at
            FROM sis_import WHERE job_id = \(id.uuid) ORDER BY ordinal, batch
            """)
        return try rows.map { row in
            ImportView(
                ordinal: Int(try row.decode("ordinal", as: Int16.self)),
                batch: Int(try row.decode("batch", as: Int16.self)), canvasID: try row.decode("canvas_id"),
                adopted: try row.decode("adopted"), workflowState: try row.decode("workflow_state"),
                progress: Int(try row.decode("progress", as: Int16.self)), answer: try row.decode("answer"),
                submissions: Int(try row.decode("submissions", as: Int16.self)),
                submittedAt: try row.decode("submitted_at"), polledAt: try row.decode("polled_at"),
                nextPollAt: try row.decode("next_poll_at"), endedAt: try row.decode("ended_at"))
        }
    }
}

/// A whole number, or anything else.
private struct LenientCount: Decodable {
    let value: Int64?

    init(from decoder: any Decoder) throws {
        value = try? decoder.singleValueContainer().decode(Int64.self)
    }
}
