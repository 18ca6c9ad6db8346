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
        let steps = requests.flatMap { request in
            request.steps.enumerated().map {
                (job: request.id.uuid, ordinal: Int16($0 + 1), kind: $1.rawValue, version: request.version)
            }
        }
        let rows = try await database.query(
            """
            WITH begun AS (
                INSERT INTO job (id, institution_id, integration_id, kind, posted_by, priority, settings)
                SELECT r.id, i.institution_id, i.id, r.kind, r.posted_by, r.priority,
                    jsonb_build_object('source', i.source, 'canvas', i.canvas, 'mapping', i.mapping)
                FROM unnest(\(requests.map(\.id.uuid))::uuid[], \(requests.map(\.integration))::bigint[],
                    \(requests.map(\.kind.rawValue))::text[], \(requests.map(\.postedBy))::text[],
                    \(requests.map(\.priority.rawValue))::smallint[]) AS r (id, integration_id, kind, posted_by, priority)
                JOIN integration i ON i.id = r.integration_id
                RETURNING id, institution_id, integration_id, kind, priority
            ), asked AS (
                SELECT * FROM unnest(\(requests.map(\.id.uuid))::uuid[], \(requests.map(\.runAfter))::timestamptz[],
                    \(requests.map(\.afterJob?.uuid))::uuid[]) AS a (id, run_after, after_job)
            ), planned AS (
                INSERT INTO step (job_id, ordinal, kind, version, state, queued_at, run_after)
                SELECT s.job_id, s.ordinal, s.kind, s.version, CASE WHEN s.ordinal = 1 THEN 'queued' ELSE 'pending' END,
                    CASE WHEN s.ordinal = 1 THEN clock_timestamp() END, coalesce(a.run_after, clock_timestamp())
                FROM unnest(\(steps.map(\.job))::uuid[], \(steps.map(\.ordinal))::smallint[],
                    \(steps.map(\.kind))::text[], \(steps.map(\.version))::smallint[]) AS s (job_id, ordinal, kind, version)
                JOIN begun b ON b.id = s.job_id JOIN asked a ON a.id = s.job_id
                RETURNING job_id, ordinal, kind, version, run_after
            ), rung AS (
                INSERT INTO outbox (job_id, ordinal, institution_id, integration_id, job_kind, kind, version, priority,
                    due_at, after_job)
                SELECT p.job_id, p.ordinal, b.institution_id, b.integration_id, b.kind, p.kind, p.version, b.priority,
                    p.run_after, coalesce(f.id,
                        (SELECT j.id FROM job j WHERE j.id = a.after_job AND j.finished_at IS NULL FOR SHARE))
                FROM planned p JOIN begun b ON b.id = p.job_id JOIN asked a ON a.id = p.job_id
                LEFT JOIN begun f ON f.id = a.after_job WHERE p.ordinal = 1
            )
            SELECT count(*)::int AS begun, pg_notify('\(unescaped: OutboxStore.channel)', '')::text AS bell FROM begun
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
