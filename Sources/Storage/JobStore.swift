import FoundationEssentials
package import Jobs
package import Postgres

/// The jobs: how they begin and how they are found.
package struct JobStore: Sendable {
    let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// What became of a request.
    package enum Begun: Sendable, Hashable {
        case begun(JobID)
        /// Another job holds the key and is as good; nothing began.
        case kept(winner: JobID)
        /// Another job holds the key; nothing began.
        case rejected(winner: JobID)
        /// The old job is being cancelled; the new one begins once it has ended.
        case replaced(JobID, old: JobID)

        /// The job that began, if one did.
        package var job: JobID? {
            switch self {
            case .begun(let job), .replaced(let job, _): job
            case .kept, .rejected: nil
            }
        }
    }

    /// Begins a job without a key: its row, its steps, and the ticket of the first, in one statement.
    ///
    /// - Throws: `StorageError` with `.notFound` if there is no such integration.
    package func begin(_ kind: JobKind, integration: Int64, postedBy: String, id: JobID = .random()) async throws
        -> JobID
    {
        try await begin([JobRequest(kind, integration: integration, postedBy: postedBy, id: id)])
        return id
    }

    /// Begins jobs in one statement, and tells the dispatcher.
    ///
    /// - Parameter requests: without keys; up to a few thousand at once. One may come after another of the
    ///   same batch.
    /// - Throws: `StorageError` with `.notFound` if there is no such integration; with a batch, those with one have
    ///   begun unless the caller's transaction is rolled back.
    package func begin(_ requests: [JobRequest]) async throws {
        precondition(requests.allSatisfy { $0.key == nil }, "jobs with a key begin one by one")
        guard !requests.isEmpty else { return }
        let after = Self.predecessors(of: requests)
        // Not said at all where nobody waits for a job: made ready, it is a fourth of the statement for one job.
        let other: PostgresQuery =
            after.allSatisfy { $0.other == nil }
            ? "NULL" : "(SELECT j.id FROM job j WHERE j.id = t.after_other AND j.finished_at IS NULL FOR SHARE)"
        let rows = try await database.query(
            """
            WITH begun AS (
                INSERT INTO job (id, institution_id, integration_id, kind, posted_by, priority, settings)
                SELECT r.id, i.institution_id, i.id, r.kind, r.posted_by, r.priority,
                    jsonb_build_object('source', i.source, 'canvas', i.canvas, 'mapping', i.mapping)
                FROM \(Self.jobs(requests)) AS r JOIN integration i ON i.id = r.integration_id
                RETURNING id
            ), planned AS (
                INSERT INTO step (job_id, ordinal, kind, version, state, queued_at, run_after)
                SELECT s.job_id, s.ordinal, s.kind, s.version, CASE WHEN s.ordinal = 1 THEN 'queued' ELSE 'pending' END,
                    CASE WHEN s.ordinal = 1 THEN clock_timestamp() END,
                    coalesce(s.run_after, statement_timestamp() + s.place * interval '1 microsecond')
                FROM \(Self.steps(requests)) AS s JOIN integration i ON i.id = s.integration_id
            ), rung AS (
                INSERT INTO outbox (job_id, ordinal, institution_id, integration_id, job_kind, kind, version, priority,
                    due_at, after_job)
                SELECT t.job_id, 1, i.institution_id, i.id, t.job_kind, t.kind, t.version, t.priority,
                    -- The same moment as the step's, and in the order of the batch.
                    coalesce(t.run_after, statement_timestamp() + t.place * interval '1 microsecond'), coalesce(t.after_ours, \(other))
                FROM \(Self.tickets(requests, after: after)) JOIN integration i ON i.id = t.integration_id
            )
            SELECT count(*)::int AS begun,
                pg_notify('\(unescaped: OutboxStore.channel)', \(Self.notice(of: requests)))::text AS bell FROM begun
            """)
        guard try rows.first?.decode("begun", as: Int.self) == requests.count else {
            let ids = Set(requests.map(\.integration)).sorted().map(String.init).joined(separator: ", ")
            throw StorageError(.notFound, "There is no such integration among \(ids).")
        }
    }

    /// The artifacts of the job's latest step of that kind, in the order of their names.
    package func artifacts(of job: JobID, step kind: StepKind) async throws -> [ArtifactRecord] {
        let rows = try await database.query(
            """
            SELECT a.name, a.media_type, a.bytes, a.sha256 FROM artifact a
            JOIN step s ON s.job_id = a.job_id AND s.ordinal = a.ordinal
            WHERE a.job_id = \(job.uuid) AND s.kind = \(kind.rawValue) ORDER BY a.name
            """)
        return try rows.map { row in
            let (name, mediaType, bytes, sha256) = try row.decode((String.self, String.self, Int64.self, [UInt8].self))
            return ArtifactRecord(name: name, mediaType: mediaType, bytes: bytes, sha256: sha256)
        }
    }
}
