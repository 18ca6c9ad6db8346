package import Jobs
import Postgres

extension StepStore: CheckpointSaving {
    /// Saves what the next attempt goes on from.
    ///
    /// - Returns: false if the lease is lost.
    package func save(checkpoint: String, lease: StepLease) async throws -> Bool {
        try await save(checkpoint, storing: [], lease: lease)
    }

    package func save(
        _ checkpoint: String, storing artifacts: [ArtifactRecord], lease: StepLease
    ) async throws -> Bool {
        // By the primary keys.
        let rows = try await database.query(
            """
            WITH held AS (
                UPDATE step SET checkpoint = \(checkpoint)
                WHERE job_id = \(lease.step.job.uuid) AND ordinal = \(lease.step.ordinal)
                    AND fencing_token = \(lease.token) AND state = 'running'
                RETURNING job_id, ordinal
            ), stored AS (
                INSERT INTO artifact (job_id, ordinal, name, media_type, bytes, sha256)
                SELECT held.job_id, held.ordinal, a.* FROM held CROSS JOIN unnest(
                    \(artifacts.map(\.name))::text[], \(artifacts.map(\.mediaType))::text[],
                    \(artifacts.map(\.bytes))::bigint[], \(artifacts.map { Hexadecimal.bytea($0.sha256) })::bytea[]
                ) AS a (name, media_type, bytes, sha256)
                ON CONFLICT (job_id, ordinal, name) DO UPDATE SET media_type = excluded.media_type,
                    bytes = excluded.bytes, sha256 = excluded.sha256, created_at = excluded.created_at
            )
            SELECT count(*)::int AS held FROM held
            """)
        return try rows.first?.decode("held", as: Int.self) == 1
    }
}
