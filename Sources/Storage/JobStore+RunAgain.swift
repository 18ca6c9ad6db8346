import FoundationEssentials
package import Jobs
package import Postgres

extension JobStore {
    /// Begins a new job that takes over the earlier steps of an old one, their counts and files, and begins at a step.
    ///
    /// The old job stays as it is: what happened once is not rewritten. The new one has the integration's settings of
    /// now, so that it shows whether a mended setting helps. It takes the key of the old one, since it does the same.
    ///
    /// - Parameters:
    ///   - scope: what to begin with.
    ///   - person: who asks, as people will read it.
    /// - Throws: `StorageError` with `.notFound` if there is no such job or step, `.refused` if an earlier step has not
    ///   ended well, the old job has not ended, another job holds its key, or the refused rows are wanted and Canvas
    ///   listed none.
    package static func runAgain(
        _ origin: JobID, from scope: RunAgainScope, by person: String, reason: String, id: JobID = .random(),
        in transaction: PostgresTransaction
    ) async throws -> JobID {
        let kind = scope.first
        // By the primary key, in the order in which an ending takes its locks.
        let steps = try await transaction.query(
            "SELECT ordinal, kind, state FROM step WHERE job_id = \(origin.uuid) ORDER BY ordinal FOR SHARE"
        ).map { try $0.decode((Int16.self, String.self, String.self)) }
        let job = try await transaction.query("SELECT state FROM job WHERE id = \(origin.uuid) FOR SHARE").first
        guard let job else { throw StorageError(.notFound, "There is no job \(origin).") }
        guard let first = steps.last(where: { $0.1 == kind.rawValue })?.0 else {
            throw StorageError(.notFound, "Job \(origin) has no step '\(kind.rawValue)'.")
        }
        let word: String = try job.decode("state")
        guard try StorageError.known(JobState(rawValue: word), word: word, column: "job.state").isEnd else {
            throw StorageError(
                .refused, "Job \(origin) has not ended yet; wait for its end, or cancel it first.")
        }
        if let open = steps.first(where: { $0.0 < first && StepState(rawValue: $0.2)?.letsNextStepBegin != true }) {
            throw StorageError(
                .refused,
                "Step \(open.0) ('\(open.1)') of job \(origin) has not ended well, so there is nothing to go on from; begin at that step."
            )
        }
        if scope == .refusedRows { try await checkList(of: origin, first, in: transaction) }
        try await JobStore(transaction).inheritKey(of: origin, for: id)
        try await copy(origin, scope, from: first, by: person, id: id, in: transaction)
        try await AuditStore(transaction).append(
            AuditEntry(
                actor: person, action: .jobRunAgain, subject: AuditEntry.subject(origin), before: ["state": word],
                after: scope.words(job: id), reason: reason))
        return id
    }

    /// Makes sure that Canvas listed refused rows, and of the last import: an earlier one's are long overtaken. Served
    /// by the primary keys.
    private static func checkList(of origin: JobID, _ ordinal: Int16, in transaction: PostgresTransaction) async throws
    {
        let list = try await transaction.query(
            """
            SELECT created_at >= coalesce((SELECT max(submitted_at) FROM sis_import
                WHERE job_id = \(origin.uuid) AND ordinal = \(ordinal)), '-infinity') AS is_of_last
            FROM artifact WHERE job_id = \(origin.uuid) AND ordinal = \(ordinal) AND name = \(ArtifactName.canvasErrors)
            """
        ).first
        guard try list?.decode("is_of_last", as: Bool.self) == true else {
            throw StorageError(
                .refused,
                """
                Canvas listed no refused rows at the last import of job \(origin); begin at its import step instead \
                ('--from import'), or look at the rows in issues.csv, which Canvas was never sent.
                """)
        }
    }

    private static func copy(
        _ origin: JobID, _ scope: RunAgainScope, from first: Int16, by person: String, id: JobID,
        in transaction: PostgresTransaction
    ) async throws {
        try await transaction.execute(
            """
            WITH begun AS (
                INSERT INTO job (id, institution_id, integration_id, kind, posted_by, settings, origin_job, parameters, warned,
                    unique_key, unique_scope)
                SELECT \(id.uuid), i.institution_id, i.id, o.kind, \(person),
                    jsonb_build_object('source', i.source, 'canvas', i.canvas, 'mapping', i.mapping), o.id, o.parameters,
                    EXISTS (SELECT FROM step s WHERE s.job_id = o.id AND s.ordinal < \(first)
                        AND s.state = 'completed_with_warnings'), o.unique_key, o.unique_scope
                FROM job o JOIN integration i ON i.id = o.integration_id WHERE o.id = \(origin.uuid)
                RETURNING id, institution_id, integration_id, kind, priority
            ), planned AS (
                INSERT INTO step (job_id, ordinal, kind, version, state, reason, percent, counts, queued_at, started_at,
                    finished_at)
                SELECT b.id, s.ordinal, s.kind, s.version,
                    CASE WHEN s.ordinal < \(first) THEN s.state WHEN s.ordinal = \(first) THEN 'queued' ELSE 'pending' END,
                    CASE WHEN s.ordinal < \(first) THEN \("Taken over from job \(origin)." as String)
                        WHEN s.ordinal = \(first) THEN \(scope.reason(origin)) END,
                    CASE WHEN s.ordinal < \(first) THEN s.percent ELSE 0 END,
                    CASE WHEN s.ordinal < \(first) THEN s.counts ELSE '{}' END,
                    CASE WHEN s.ordinal = \(first) THEN clock_timestamp() END,
                    CASE WHEN s.ordinal < \(first) THEN s.started_at END,
                    CASE WHEN s.ordinal < \(first) THEN s.finished_at END
                FROM begun b, step s WHERE s.job_id = \(origin.uuid)
                RETURNING job_id, ordinal, kind, version, run_after, state
            ), stored AS (
                INSERT INTO artifact (job_id, ordinal, name, media_type, bytes, sha256)
                SELECT b.id, a.ordinal, a.name, a.media_type, a.bytes, a.sha256
                FROM begun b, artifact a WHERE a.job_id = \(origin.uuid) AND a.ordinal < \(first)
                UNION ALL
                -- What the old import was sent, if that was less than the conversion left, and what Canvas refused of it.
                SELECT b.id, a.ordinal, n.later, a.media_type, a.bytes, a.sha256
                FROM begun b, artifact a JOIN (VALUES (\(ArtifactName.canvasErrors), \(ArtifactName.refusedRows)),
                    (\(ArtifactName.refusedRowsArchive), \(ArtifactName.refusedFrom))) AS n (earlier, later) ON n.earlier = a.name
                WHERE \(scope == .refusedRows) AND a.job_id = \(origin.uuid) AND a.ordinal = \(first)
            ), rung AS (
                INSERT INTO outbox (job_id, ordinal, institution_id, integration_id, job_kind, kind, version, priority, due_at)
                SELECT p.job_id, p.ordinal, b.institution_id, b.integration_id, b.kind, p.kind, p.version, b.priority,
                    p.run_after
                FROM planned p JOIN begun b ON b.id = p.job_id WHERE p.state = 'queued'
            )
            SELECT pg_notify('\(unescaped: OutboxStore.channel)', '')::text AS bell FROM begun
            """)
    }
}
