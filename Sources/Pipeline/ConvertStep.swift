import Archives
package import Artifacts
import Conversion
import FoundationEssentials
package import Jobs
import OneRoster
package import Storage

/// Turns the snapshot into Canvas's files, a list of what was found in it, and the zip that Canvas is sent.
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
            let folder = try scratch.folder("snapshot")
            try await files.fetch(await jobs.artifacts(of: context.job.id, step: .extract), into: folder)
            let output = try scratch.folder("canvas")
            let report = try await convert(folder, rules, into: output, context: context)
            let sent = report.files.filter { $0.rows > 0 }.map(\.name)
            var names = report.files.map(\.name)
            if report.listedIssues > 0 { names.append(ConversionReport.issuesFile) }
            if !sent.isEmpty {
                try await zip(sent, in: output, tag: BatchName(job: context.job.id, batch: 1))
                names.append(Self.archiveName)
            }
            context.progress.report(fraction: 0.95)
            return outcome(report, try await files.put(names, from: output))
        }
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

    private func outcome(_ report: ConversionReport, _ records: [ArtifactRecord]) -> StepOutcome {
        var result = StepResult(artifacts: records)
        for count in report.counts {
            let name = count.table.rawValue
            result.counts["\(name).extracted"] = Int64(count.extracted)
            result.counts["\(name).converted"] = Int64(count.converted)
            result.counts["\(name).skipped"] = Int64(count.skipped)
            result.counts["\(name).merged"] = Int64(count.merged)
        }
        for file in report.files { result.counts["canvas.\(table(file.name))"] = Int64(file.rows) }
        for issue in report.issues {
            result.counts["issues.\(issue.severity.rawValue).\(issue.code.rawValue)", default: 0] += Int64(issue.count)
        }
        let left = report.counts.reduce(0) { $0 + $1.skipped }
        let errors = report.issueCount(.error)
        result.counts["rows.skipped"] = Int64(left)
        result.counts["issues.errors"] = Int64(errors)
        result.counts["issues.warnings"] = Int64(report.issueCount(.warning))
        result.counts["issues.notices"] = Int64(report.issueCount(.notice))
        let named = "Each is named in \(ConversionReport.issuesFile) with file, row and code."
        guard errors > 0 else {
            if left > 0 { result.reason = "\(left) rows have no place in Canvas and are not sent. \(named)" }
            return .completed(result)
        }
        result.reason = "\(errors) errors in the roster; \(left) rows are not sent, for that or by rule. \(named)"
        return .completedWithWarnings(result)
    }
}
