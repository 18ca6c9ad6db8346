import FoundationEssentials
package import Jobs
import Postgres

extension StatusQueries {
    /// The files of a job, or of one of its steps, by step and name. Served by the primary key.
    package func artifacts(of id: JobID, ordinal: Int16? = nil) async throws -> [ArtifactView] {
        var query: PostgresQuery =
            """
            SELECT ordinal, name, media_type, bytes, sha256, created_at FROM artifact WHERE job_id = \(id.uuid)
            """
        if let ordinal { query.append(" AND ordinal = \(ordinal)") }
        query.append(" ORDER BY ordinal, name")
        return try await database.query(query).map(Self.artifact)
    }

    /// One file, or nil.
    package func artifact(of id: JobID, ordinal: Int16, name: String) async throws -> ArtifactView? {
        try await database.query(
            """
            SELECT ordinal, name, media_type, bytes, sha256, created_at FROM artifact
            WHERE job_id = \(id.uuid) AND ordinal = \(ordinal) AND name = \(name)
            """
        ).first.map(Self.artifact)
    }

    /// Whether the job has a step at this place.
    package func hasStep(_ id: JobID, ordinal: Int16) async throws -> Bool {
        try await !database.query("SELECT 1 FROM step WHERE job_id = \(id.uuid) AND ordinal = \(ordinal)").isEmpty
    }

    private static func artifact(_ row: PostgresRow) throws -> ArtifactView {
        let (ordinal, name, mediaType, bytes, sha256, createdAt) = try row.decode(
            (Int16.self, String.self, String.self, Int64.self, [UInt8].self, Date.self))
        return ArtifactView(
            ordinal: Int(ordinal), name: name, mediaType: mediaType, bytes: bytes, sha256: sha256, createdAt: createdAt)
    }
}
