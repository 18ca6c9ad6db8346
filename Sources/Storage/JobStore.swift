import FoundationEssentials
package import Jobs
package import Postgres

/// The jobs: how they begin and how they are found.
package struct JobStore: Sendable {
    private let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// Begins a job: its row, its steps, and the doorbell of the first, in one statement.
    ///
    /// - Parameters:
    ///   - postedBy: who asked for it, as people will read it.
    /// - Throws: `StorageError` with `.notFound` if there is no such integration.
    package func begin(_ kind: JobKind, integration: Int64, postedBy: String, id: JobID = .random()) async throws
        -> JobID
    {
        let kinds = kind.steps.map(\.rawValue)
        let rows = try await database.query(
            """
            WITH begun AS (
                INSERT INTO job (id, institution_id, integration_id, kind, posted_by, settings)
                SELECT \(id.uuid), institution_id, id, \(kind.rawValue), \(postedBy),
                    jsonb_build_object('source', source, 'canvas', canvas, 'mapping', mapping)
                FROM integration WHERE id = \(integration)
                RETURNING id
            ), planned AS (
                INSERT INTO step (job_id, ordinal, kind, state, queued_at)
                SELECT begun.id, s.ordinal, s.kind, CASE WHEN s.ordinal = 1 THEN 'queued' ELSE 'pending' END,
                    CASE WHEN s.ordinal = 1 THEN clock_timestamp() END
                FROM begun, unnest(\(kinds)::text[]) WITH ORDINALITY AS s (kind, ordinal)
                RETURNING job_id, ordinal, kind
            ), rung AS (
                INSERT INTO outbox (job_id, ordinal, kind) SELECT job_id, ordinal, kind FROM planned WHERE ordinal = 1
            )
            SELECT id, pg_notify('\(unescaped: OutboxStore.channel)', '')::text AS bell FROM begun
            """)
        guard !rows.isEmpty else { throw StorageError(.notFound, "There is no integration \(integration).") }
        return id
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
