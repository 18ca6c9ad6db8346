import Archives
package import Artifacts
package import Curl
import FoundationEssentials
package import Jobs
import OneRoster

/// Reads the source into a snapshot: its tables under standard names, checked, counted and stored, never to change
/// again.
///
/// A package that had to be downloaded is stored at once, as a file of the step: the next attempt takes that one
/// instead of asking the source again, and whoever looks into a failure can have it.
package struct ExtractStep: StepHandler {
    /// The downloaded package's name among the artifacts.
    static let packageName = "source.zip"

    /// What a checkpoint holds.
    private struct Saved: Codable {
        static let version = 1

        let package: ArtifactRecord
    }

    package let kind = StepKind.extract

    private let fetcher: RosterFetcher
    private let files: StoredFiles
    private let work: HeavyWork
    private let configuration: PipelineConfiguration

    package init(http: CurlClient, artifacts: any ArtifactStore, work: HeavyWork, configuration: PipelineConfiguration)
    {
        fetcher = RosterFetcher(http: http, limit: configuration.rosterLimit)
        files = StoredFiles(store: artifacts)
        self.work = work
        self.configuration = configuration
    }

    package func run(_ context: StepContext) async throws -> StepOutcome {
        let settings = try IntegrationSettings(decoding: context.job.settings)
        return try await Scratch.with(in: configuration.scratch, lease: context.lease) { scratch in
            let package = try await package(settings.source, scratch, context)
            context.progress.report(fraction: 0.3)
            let folder = try scratch.folder("snapshot")
            let snapshot = try await extract(package, into: folder, context: context)
            let records = try await files.put(snapshot.tables.map(\.file) + [RosterSnapshot.fileName], from: folder)
            return outcome(snapshot, records)
        }
    }

    /// The package as it came: where it lies, or downloaded by this attempt or one before it.
    private func package(
        _ source: IntegrationSettings.Source, _ scratch: Scratch, _ context: StepContext
    ) async throws -> RosterSource {
        let path = "\(scratch.path)/\(Self.packageName)"
        if let saved = Checkpoint.read(Saved.self, version: Saved.version, from: context),
            try await files.fetchSaved([saved.package], into: scratch.path, context)
        {
            return .zip(path)
        }
        switch try await fetcher.fetch(source, into: path) {
        case .inPlace(let source): return source
        case .downloaded:
            let record = try await files.put(Self.packageName, from: scratch.path)
            try await Checkpoint.save(
                Saved(package: record), version: Saved.version, storing: [record], in: context)
            return .zip(path)
        }
    }

    private func extract(_ source: RosterSource, into folder: String, context: StepContext) async throws
        -> RosterSnapshot
    {
        var limits = ArchiveLimits()
        limits.totalBytes = UInt64(configuration.rosterLimit)
        let progress = context.progress
        do {
            return try await work.run { [limits] checkCancellation in
                try RosterExtractor.extract(source: source, into: folder, limits: limits) { state in
                    try checkCancellation()
                    let part = state.totalBytes > 0 ? Double(state.bytes) / Double(state.totalBytes) : 0
                    progress.report(
                        fraction: 0.3 + 0.6 * min(part, 1),
                        counts: ["\(table(state.file)).extracted": Int64(state.rows)])
                }
            }
        } catch {
            throw rosterFailure(error)
        }
    }

    private func outcome(_ snapshot: RosterSnapshot, _ records: [ArtifactRecord]) -> StepOutcome {
        var result = StepResult(artifacts: records)
        for found in snapshot.tables { result.counts["\(table(found.file)).extracted"] = Int64(found.rows) }
        let serious = snapshot.issues.filter { $0.severity == .error }
        guard let first = serious.first else { return .completed(result) }
        result.reason =
            "\(first.message)"
            + (serious.count > 1 ? " And \(serious.count - 1) more; see the conversion's issues." : "")
        return .completedWithWarnings(result)
    }
}

/// `users` for `users.csv`.
func table(_ file: String) -> String {
    String(file.split(separator: ".").first ?? "")
}
