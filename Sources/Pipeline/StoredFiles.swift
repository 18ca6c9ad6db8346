import Artifacts
import FoundationEssentials
import Jobs
import Logging

/// Moves files between an attempt's scratch folder and the artifact store.
struct StoredFiles: Sendable {
    let store: any ArtifactStore

    /// Stores files of a folder under their own names.
    func put(_ names: [String], from folder: String) async throws -> [ArtifactRecord] {
        var records: [ArtifactRecord] = []
        for name in names { records.append(try await put(name, from: folder)) }
        return records
    }

    /// Stores a file of a folder under its own name.
    func put(_ name: String, from folder: String) async throws -> ArtifactRecord {
        try Task.checkCancellation()
        do {
            let stored = try await store.put(fileAt: "\(folder)/\(name)")
            return ArtifactRecord(
                name: name, mediaType: Self.mediaType(of: name), bytes: stored.bytes, sha256: stored.sha256)
        } catch {
            throw Self.failure(error)
        }
    }

    /// Lays stored files into a folder under their names.
    func fetch(_ records: [ArtifactRecord], into folder: String) async throws {
        for record in records {
            do {
                try await store.materialize(record.sha256, at: "\(folder)/\(record.name)")
            } catch {
                throw Self.failure(error)
            }
        }
    }

    /// Lays files into a folder that are known from a checkpoint.
    ///
    /// - Returns: false if the store has one of them no more; then they must be made again.
    func fetchSaved(_ records: [ArtifactRecord], into folder: String, _ context: StepContext) async throws -> Bool {
        do {
            try await fetch(records, into: folder)
            return true
        } catch let failure as StepFailure where failure.class == .permanent {
            context.logger.notice(
                "The files of a checkpoint are gone; the step begins anew",
                metadata: [JobsKeys.Log.code: "\(failure.code)"])
            return false
        }
    }

    private static func failure(_ error: ArtifactError) -> StepFailure {
        StepFailure(
            error.isTransient ? .transient : .permanent, code: "artifact.\(error.code.rawValue)", message: error.message
        )
    }

    private static func mediaType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "csv": "text/csv; charset=utf-8"
        case "json": "application/json"
        case "zip": "application/zip"
        default: "application/octet-stream"
        }
    }
}
