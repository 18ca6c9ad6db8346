import Archives
package import Artifacts
package import Curl
import FoundationEssentials
package import Jobs
import OneRoster

/// Reads the source into a snapshot: its tables under standard names, checked, counted and stored, never to change
/// again.
package struct ExtractStep: StepHandler {
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
            let source = try await fetcher.fetch(settings.source, into: scratch.path)
            context.progress.report(fraction: 0.3)
            let folder = try scratch.folder("snapshot")
            let snapshot = try await extract(source, into: folder, context: context)
            let records = try await files.put(snapshot.tables.map(\.file) + [RosterSnapshot.fileName], from: folder)
            return outcome(snapshot, records)
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
