package import FoundationEssentials
package import Jobs
import Postgres

/// How an attempt, or a wait on Canvas, ended: what is to be written in one transaction.
package struct StepEnding: Sendable {
    package let lease: StepLease
    /// The state it ends from: `running`, or `waiting` for the poller.
    package let from: StepState
    package let to: StepState
    package let outcome: AttemptOutcome
    package var result: StepResult
    package var errorCode: String?
    package var errorMessage: String?
    /// Only for a step that goes back to its queue: when it may be taken again; nil = at once, in the place it had.
    package var runAfter: Date?
    /// What another try is taken from.
    package var cost = RetryPolicy.Cost.nothing

    /// How the attempt's own row reads.
    package enum AttemptOutcome: String, Sendable {
        case completed, waiting, held, retry, failed, interrupted, cancelled
    }

    /// Nil where the event is not legal from that state.
    package init?(
        _ lease: StepLease, from: StepState = .running, event: StepEvent, outcome: AttemptOutcome,
        result: StepResult = StepResult()
    ) {
        guard let to = from.after(event) else { return nil }
        self.lease = lease
        self.from = from
        self.to = to
        self.outcome = outcome
        self.result = result
    }
}

extension StepStore {
    /// Ends steps: their state, their attempt, their artifacts, the next step and its doorbell, and the job's state,
    /// all in one statement and so in one transaction.
    ///
    /// - Returns: the steps that were ended; whoever is missing had lost its lease, and nothing of it was written.
    package func end(_ endings: [StepEnding]) async throws -> Set<StepID> {
        guard let first = endings.first else { return [] }
        // As in `rung`: of one that comes alone, only the partition is read that holds it.
        let isAlone = endings.count == 1
        let job: PostgresQuery = isAlone ? "\(first.lease.step.job.uuid)::uuid" : "ended.job_id"
        let rows = try await database.query(
            """
            WITH wanted AS (\(Self.wanted(endings))
            ), ended AS (
                -- Whoever asked for an end of the job meant this step too, whatever it was going to do next.
                UPDATE step SET state = CASE WHEN step.cancel_requested_at IS NOT NULL
                        AND w.state IN ('queued', 'waiting', 'held') THEN 'cancelled' ELSE w.state END,
                    lease_owner = NULL, leased_until = NULL, reason = w.reason,
                    percent = CASE WHEN w.state IN ('completed', 'completed_with_warnings') THEN 100
                        ELSE greatest(step.percent, p.percent) END,
                    counts = CASE WHEN p.counts IS NULL AND w.counts = '{}' THEN step.counts
                        ELSE step.counts || coalesce(p.counts, '{}') || w.counts::jsonb END,
                    error_code = w.error_code, error_message = w.error_message, failures = step.failures + w.failures,
                    throttles = step.throttles + w.throttles, run_after = coalesce(w.run_after, step.run_after),
                    queued_at = CASE WHEN w.state = 'queued' THEN clock_timestamp() ELSE step.queued_at END,
                    checkpoint = CASE WHEN w.state IN ('queued', 'failed') THEN step.checkpoint END,
                    finished_at = CASE WHEN w.state IN ('queued', 'waiting', 'held') AND step.cancel_requested_at IS NULL
                        THEN NULL ELSE clock_timestamp() END
                FROM wanted w LEFT JOIN step_progress p ON p.job_id = w.job_id AND p.ordinal = w.ordinal
                WHERE step.job_id = w.job_id AND step.ordinal = w.ordinal AND step.fencing_token = w.token
                    AND step.state = w.from_state
                RETURNING step.job_id, step.ordinal, step.kind, step.version, step.state, step.run_after, step.claimed_at,
                    w.token, w.owner, w.outcome, w.error_code, w.error_message, w.from_state,
                    p.job_id IS NOT NULL AS has_progress
            ), progress_gone AS (
                DELETE FROM step_progress p USING ended
                WHERE ended.has_progress AND p.job_id = ended.job_id AND p.ordinal = ended.ordinal
            ), tried AS (
                INSERT INTO attempt (job_id, ordinal, token, worker, started_at, ended_at, outcome, error_code, error_message)
                SELECT job_id, ordinal, token, owner, claimed_at, clock_timestamp(), outcome, error_code, error_message
                FROM ended WHERE from_state = 'running'
            ), stored AS (\(Self.stored(endings))
            ), following AS (
                UPDATE step SET state = 'queued', queued_at = clock_timestamp(), run_after = clock_timestamp()
                FROM ended
                WHERE ended.state IN ('completed', 'completed_with_warnings', 'skipped')
                    AND step.job_id = \(job) AND step.ordinal = ended.ordinal + 1 AND step.state = 'pending'
                RETURNING step.job_id, step.ordinal, step.kind, step.version, step.run_after
            ), concluded AS (
                UPDATE job SET updated_at = clock_timestamp(),
                    state = CASE
                        WHEN ended.state IN ('failed', 'cancelled', 'held') THEN ended.state
                        WHEN ended.state IN ('queued', 'waiting')
                            OR ended.job_id IN (SELECT job_id FROM following) THEN 'in_progress'
                        WHEN job.cut_short THEN 'cancelled'
                        WHEN job.warned OR ended.state = 'completed_with_warnings' THEN 'warning'
                        ELSE 'completed' END,
                    warned = job.warned OR ended.state = 'completed_with_warnings',
                    finished_at = CASE
                        WHEN ended.state IN ('queued', 'waiting', 'held')
                            OR ended.job_id IN (SELECT job_id FROM following) THEN NULL
                        ELSE clock_timestamp() END
                FROM ended WHERE job.id = \(job)
                RETURNING job.id, job.finished_at
            ), \(Self.afterwards(of: isAlone ? job : "q.job_id"))
            SELECT job_id, ordinal, (SELECT count(*) FROM bell) AS bells FROM ended
            """)
        return Set(
            try rows.map { row in
                let (job, ordinal, _) = try row.decode((UUID.self, Int16.self, Int64.self))
                return StepID(job: JobID(job), ordinal: ordinal)
            })
    }

    /// What the ends of steps and jobs mean for others: tickets that go or wait again, jobs that stood behind this one,
    /// keys that are free.
    ///
    /// - Parameter job: names the job of a step `q` that is queued now.
    static func afterwards(of job: PostgresQuery = "q.job_id") -> PostgresQuery {
        """
        tickets_gone AS (
            DELETE FROM outbox o USING ended
            WHERE o.job_id = ended.job_id AND o.ordinal = ended.ordinal AND ended.state <> 'queued'
            RETURNING o.institution_id
        ), rung AS (
            INSERT INTO outbox AS o (job_id, ordinal, institution_id, integration_id, job_kind, kind, version, priority,
                due_at, rings)
            -- By the job's key: `concluded` has the same columns, but no index, so each of its rows would be read for each.
            SELECT q.job_id, q.ordinal, j.institution_id, j.integration_id, j.kind, q.kind, q.version, j.priority, q.run_after,
                1
            FROM (
                SELECT job_id, ordinal, kind, version, run_after FROM following
                UNION ALL SELECT job_id, ordinal, kind, version, run_after FROM ended WHERE state = 'queued'
            ) AS q JOIN job j ON j.id = \(job)
            ON CONFLICT (job_id, ordinal) DO UPDATE SET rung_at = NULL, rung_by = NULL, due_at = excluded.due_at,
                rings = least(o.rings + 1, 30000), unanswered = 0
            RETURNING due_at
        ), let_go AS (
            UPDATE outbox o SET after_job = NULL, due_at = greatest(o.due_at, clock_timestamp())
            FROM concluded c
            -- As a rule nobody waits behind a job, and then this looks for nobody's followers.
            WHERE EXISTS (SELECT FROM outbox a WHERE a.after_job IS NOT NULL)
                AND o.after_job = c.id AND c.finished_at IS NOT NULL
            RETURNING o.due_at
        ), keys_gone AS (
            DELETE FROM job_key k USING concluded c
            WHERE EXISTS (SELECT FROM job_key) AND k.job_id = c.id AND c.finished_at IS NOT NULL AND k.scope <> 'window'
        ), bell AS (
            SELECT pg_notify('\(unescaped: OutboxStore.channel)', '')
            FROM (
                SELECT due_at FROM rung UNION ALL SELECT due_at FROM let_go
                -- Whoever was at its limit may have room now.
                UNION ALL SELECT w.due_at FROM (SELECT DISTINCT institution_id FROM tickets_gone) AS g
                CROSS JOIN LATERAL (SELECT o.due_at FROM outbox o WHERE o.institution_id = g.institution_id
                    AND o.rung_at IS NULL AND o.after_job IS NULL LIMIT 1) AS w
                LIMIT 1
            ) AS any_row
        )
        """
    }

    /// What is to be written, as a table.
    ///
    /// Most batches are of steps that were simply completed; what is then the same for all goes once and not a thousand
    /// times, which takes a tenth off the statement.
    private static func wanted(_ endings: [StepEnding]) -> PostgresQuery {
        guard let first = endings.first, endings.allSatisfy({ $0.reads(like: first) }) else { return each(endings) }
        return """
            SELECT w.*, \(first.lease.owner)::text AS owner, \(first.from.rawValue)::text AS from_state,
                \(first.to.rawValue)::text AS state, \(first.outcome.rawValue)::text AS outcome, '{}' AS counts,
                NULL::text AS reason, NULL::text AS error_code, NULL::text AS error_message,
                NULL::timestamptz AS run_after, 0::smallint AS failures, 0::smallint AS throttles
            FROM (\(leases(endings.map(\.lease)))) AS w
            """
    }

    private static func leases(_ leases: [StepLease]) -> PostgresQuery {
        guard leases.count == 1, let lease = leases.first else {
            return """
                SELECT * FROM unnest(\(leases.map(\.step.job.uuid))::uuid[], \(leases.map(\.step.ordinal))::smallint[],
                    \(leases.map(\.token))::bigint[]) AS l (job_id, ordinal, token)
                """
        }
        return """
            SELECT \(lease.step.job.uuid)::uuid AS job_id, \(lease.step.ordinal)::smallint AS ordinal,
                \(lease.token)::bigint AS token
            """
    }

    /// The same where each row has its own words.
    private static func each(_ endings: [StepEnding]) -> PostgresQuery {
        """
        SELECT * FROM unnest(
            \(endings.map(\.lease.step.job.uuid))::uuid[], \(endings.map(\.lease.step.ordinal))::smallint[],
            \(endings.map(\.lease.token))::bigint[], \(endings.map(\.lease.owner))::text[],
            \(endings.map(\.from.rawValue))::text[],
            \(endings.map(\.to.rawValue))::text[], \(endings.map(\.outcome.rawValue))::text[],
            \(endings.map { CountsJSON.encode($0.result.counts) })::text[], \(endings.map(\.result.reason))::text[],
            \(endings.map(\.errorCode))::text[], \(endings.map(\.errorMessage))::text[],
            \(endings.map(\.runAfter))::timestamptz[], \(endings.map { Int16($0.cost == .attempt ? 1 : 0) })::smallint[],
            \(endings.map { Int16($0.cost == .throttle ? 1 : 0) })::smallint[]
        ) AS w (job_id, ordinal, token, owner, from_state, state, outcome, counts, reason, error_code, error_message,
            run_after, failures, throttles)
        """
    }

    /// Writes the artifacts of the steps that were ended; those of an earlier attempt give way.
    private static func stored(_ endings: [StepEnding]) -> PostgresQuery {
        let artifacts = endings.flatMap { ending in ending.result.artifacts.map { (ending.lease.step, $0) } }
        // The join below reads the one list for each of the other's; most batches have none.
        guard !artifacts.isEmpty else { return "SELECT" }
        return """
            INSERT INTO artifact (job_id, ordinal, name, media_type, bytes, sha256)
            SELECT a.* FROM unnest(
                \(artifacts.map(\.0.job.uuid))::uuid[], \(artifacts.map(\.0.ordinal))::smallint[],
                \(artifacts.map(\.1.name))::text[], \(artifacts.map(\.1.mediaType))::text[],
                \(artifacts.map(\.1.bytes))::bigint[], \(artifacts.map { Hexadecimal.bytea($0.1.sha256) })::bytea[]
            ) AS a (job_id, ordinal, name, media_type, bytes, sha256)
            JOIN ended ON ended.job_id = a.job_id AND ended.ordinal = a.ordinal
            ON CONFLICT (job_id, ordinal, name) DO UPDATE SET media_type = excluded.media_type, bytes = excluded.bytes,
                sha256 = excluded.sha256, created_at = excluded.created_at
            """
    }

    /// Writes where a step stands that waits on Canvas; one that no longer waits under this lease is left alone.
    package func reportWaiting(_ lease: StepLease, percent: Int, reason: String?, counts: [String: Int64]) async throws
    {
        try await database.execute(
            """
            UPDATE step SET percent = greatest(percent, \(Int16(percent))::smallint), reason = \(reason),
                counts = counts || \(CountsJSON.encode(counts))::jsonb
            WHERE job_id = \(lease.step.job.uuid) AND ordinal = \(lease.step.ordinal)
                AND fencing_token = \(lease.token) AND state = 'waiting'
            """)
    }
}

extension StepStore {
    /// Writes what became of a cancelled step's import behind who cancelled it and why, if it was cancelled
    /// under this lease. Served by the primary keys.
    ///
    /// - Parameters:
    ///   - words: a sentence; the one of before gives way.
    ///   - counts: what Canvas has done by then.
    package func reportCancelled(_ lease: StepLease, words: String, counts: [String: Int64]) async throws {
        try await database.execute(
            """
            UPDATE step SET counts = counts || \(CountsJSON.encode(counts))::jsonb,
                reason = concat_ws(' ', 'Cancelled by ' || job.cancel_requested_by || ': '
                    || regexp_replace(job.cancel_reason, '[.[:space:]]*$', '.'), \(words)::text)
            FROM job WHERE job.id = \(lease.step.job.uuid) AND step.job_id = job.id AND step.ordinal = \(lease.step.ordinal)
                AND step.fencing_token = \(lease.token) AND step.state = 'cancelled'
            """)
    }
}

extension StepEnding {
    /// Whether both say nothing but how they ended, and the same.
    fileprivate func reads(like other: StepEnding) -> Bool {
        from == other.from && to == other.to && outcome == other.outcome && lease.owner == other.lease.owner
            && result.counts.isEmpty && result.reason == nil && errorCode == nil && errorMessage == nil
            && runAfter == nil && cost == .nothing
    }
}
