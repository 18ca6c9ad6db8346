import Conversion
import Jobs
import OneRoster

/// What a conversion came to, as its step ends with it and as a checkpoint keeps it: its counts rather than its report,
/// as those stay small whatever a roster holds.
struct Converted: Sendable, Codable {
    /// Of the form that checkpoints have.
    static let version = 1

    /// What was stored.
    var files: [ArtifactRecord]
    /// Names of those that go to Canvas, in its order.
    let sent: [String]
    let counts: [String: Int64]
    let hasErrors: Bool
    let reason: String?

    init(_ report: ConversionReport, files: [ArtifactRecord]) {
        self.files = files
        sent = report.files.filter { $0.rows > 0 }.map(\.name)
        counts = Self.counts(report)
        let errors = report.issueCount(.error)
        hasErrors = errors > 0
        let left = report.counts.reduce(0) { $0 + $1.skipped }
        let named = "Each is named in \(ConversionReport.issuesFile) with file, row and code."
        if errors > 0 {
            reason = "\(errors) errors in the roster; \(left) rows are not sent, for that or by rule. \(named)"
        } else {
            reason = left > 0 ? "\(left) rows have no place in Canvas and are not sent. \(named)" : nil
        }
    }

    /// How the step ends.
    var outcome: StepOutcome {
        let result = StepResult(counts: counts, artifacts: files, reason: reason)
        return hasErrors ? .completedWithWarnings(result) : .completed(result)
    }

    private static func counts(_ report: ConversionReport) -> [String: Int64] {
        var counts: [String: Int64] = [:]
        for count in report.counts {
            let name = count.table.rawValue
            counts["\(name).extracted"] = Int64(count.extracted)
            counts["\(name).converted"] = Int64(count.converted)
            counts["\(name).skipped"] = Int64(count.skipped)
            counts["\(name).merged"] = Int64(count.merged)
        }
        for file in report.files { counts["canvas.\(table(file.name))"] = Int64(file.rows) }
        for issue in report.issues {
            counts["issues.\(issue.severity.rawValue).\(issue.code.rawValue)", default: 0] += Int64(issue.count)
        }
        counts["rows.skipped"] = Int64(report.counts.reduce(0) { $0 + $1.skipped })
        counts["issues.errors"] = Int64(report.issueCount(.error))
        counts["issues.warnings"] = Int64(report.issueCount(.warning))
        counts["issues.notices"] = Int64(report.issueCount(.notice))
        return counts
    }
}
