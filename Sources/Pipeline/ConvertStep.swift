import Archives
package import Artifacts
import Conversion
import FoundationEssentials
package import Jobs
import OneRoster
package import Storage

/// Turns the snapshot into Canvas's files, a list of what was found in it, and the zip that Canvas is sent.
///
/// What was converted is stored before the zip is made, and the next attempt makes only the zip.
package struct ConvertStep: StepHandler {
    /// The zip's name among the artifacts.
    static let archiveName = "canvas.zip"

    package let kind = StepKind.convert

    private let jobs: JobStore
    private let files: StoredFiles
    private let work: HeavyWork
    private let configuration: PipelineConfiguration

    package init(jobs: JobStore, artifacts: any ArtifactStore, work: HeavyWork, configuration: PipelineConfiguration) {
        self.jobs = jobs
        files = StoredFiles(store: artifacts)
        self.work = work
        self.configuration = configuration
    }

    package func run(_ context: StepContext) async throws -> StepOutcome {
        let rules = try rules(of: IntegrationSettings(decoding: context.job.settings))
        return try await Scratch.with(in: configuration.scratch, lease: context.lease) { scratch in
            // Never the folder that a conversion writes to: what lies here leads into the store.
            var output = try scratch.folder("saved")
            var found: Converted
            if let saved = Checkpoint.read(Converted.self, version: Converted.version, from: context),
                try await files.fetchSaved(saved.files.filter { saved.sent.contains($0.name) }, into: output, context)
            {
                found = saved
            } else {
                output = try scratch.folder("canvas")
                found = try await convert(rules, in: scratch, into: output, context)
                try await Checkpoint.save(
                    found, version: Converted.version, storing: found.files, in: context)
            }
            if !found.sent.isEmpty {
                try await zip(found.sent, in: output, tag: BatchName(job: context.job.id, batch: 1))
                found.files.append(try await files.put(Self.archiveName, from: output))
            }
            context.progress.report(fraction: 0.95)
            return found.outcome
        }
    }

    /// Converts the stored snapshot, and stores what came of it.
    private func convert(
        _ rules: ConversionRules, in scratch: Scratch, into output: String, _ context: StepContext
    ) async throws -> Converted {
        let folder = try scratch.folder("snapshot")
        let snapshot = try await jobs.artifacts(of: context.job.id, step: .extract)
        try await files.fetch(snapshot.filter { $0.name != ExtractStep.packageName }, into: folder)
        let report = try await convert(folder, rules, into: output, context: context)
        var names = report.files.map(\.name)
        if report.listedIssues > 0 { names.append(ConversionReport.issuesFile) }
        return Converted(report, files: try await files.put(names, from: output))
    }

    private func rules(of settings: IntegrationSettings) throws -> ConversionRules {
        do {
            return try JSONDecoder().decode(ConversionRules.self, from: JSONEncoder().encode(settings.mapping))
        } catch {
            throw StepFailure(
                .permanent, code: "mapping.invalid",
                message: "The integration's mapping cannot be read: \(error). Mend it and run 'rosterline apply' again."
            )
        }
    }

    private func convert(
        _ folder: String, _ rules: ConversionRules, into output: String, context: StepContext
    ) async throws -> ConversionReport {
        let progress = context.progress
        do {
            return try await work.run { checkCancellation in
                let snapshot = try RosterSnapshot.open(folder: folder)
                return try RosterConversion.run(snapshot: snapshot, rules: rules, into: output) { state in
                    try checkCancellation()
                    progress.report(fraction: 0.85 * Double(state.doneBytes) / Double(max(state.totalBytes, 1)))
                }
            }
        } catch {
            throw rosterFailure(error)
        }
    }

    /// Packs the files under names that carry the batch's own, so that Canvas's list of an import's files tells whose
    /// it is.
    private func zip(_ names: [String], in folder: String, tag: BatchName) async throws {
        do {
            try await work.run { checkCancellation in
                var archive = try ZipWriter(path: "\(folder)/\(Self.archiveName)")
                for name in names {
                    try checkCancellation()
                    try archive.add(file: "\(folder)/\(name)", as: tag.fileName(name))
                }
                try archive.finish()
            }
        } catch {
            throw rosterFailure(error)
        }
    }
}
