import FoundationEssentials
import Jobs
import Logging

/// What an attempt saved for the next one, as JSON with a version.
///
/// A checkpoint only ever saves work. So one that cannot be read, be it of a newer program, is passed over, and the
/// work is done again.
enum Checkpoint {
    private struct Envelope<Saved: Codable>: Codable {
        let version: Int
        let saved: Saved
    }

    /// What an earlier attempt of this version saved; nil if there is nothing that could be read.
    static func read<Saved: Codable>(_ type: Saved.Type, version: Int, from context: StepContext) -> Saved? {
        guard let text = context.checkpoint else { return nil }
        guard let found = try? JSONDecoder().decode(Envelope<Saved>.self, from: Data(text.utf8)),
            found.version == version
        else {
            context.logger.notice("A checkpoint cannot be read by this version; the step begins anew")
            return nil
        }
        return found.saved
    }

    /// Saves it with the rows of its files. One that is too long is not saved: then a crash costs what it always did.
    static func save<Saved: Codable>(
        _ saved: Saved, version: Int, storing artifacts: [ArtifactRecord], in context: StepContext
    ) async throws {
        let json = try JSONEncoder().encode(Envelope(version: version, saved: saved))
        guard json.count <= StepContext.longestCheckpoint else {
            context.logger.notice("A checkpoint is too long to be saved", metadata: ["bytes": "\(json.count)"])
            return
        }
        try await context.save(checkpoint: String(decoding: json, as: UTF8.self), storing: artifacts)
    }
}
