import Foundation
import Glibc
import Jobs
import Storage

/// Shows a job's steps as bars that move, until the job has ended.
struct JobWatcher {
    let queries: StatusQueries

    private static let barWidth = 30

    /// - Returns: how the job ended, or nil if it did not in that time.
    func watch(_ job: JobID, for limit: Duration) async throws -> JobState? {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let deadline = ContinuousClock.now + limit
        var shown: [String] = []
        while ContinuousClock.now < deadline {
            guard let details = try await queries.details(of: job) else {
                throw StorageError(.notFound, "There is no job \(job).")
            }
            let lines = details.steps.map(Self.line)
            if isTerminal {
                if !shown.isEmpty { print("\u{1B}[\(shown.count)A", terminator: "") }
                for line in lines { print("\u{1B}[2K" + line) }
            } else {
                for (index, line) in lines.enumerated() where !shown.indices.contains(index) || shown[index] != line {
                    print(line)
                }
            }
            fflush(nil)
            shown = lines
            if details.job.state.isEnd || details.job.state == .held {
                summarize(details)
                return details.job.state
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        return nil
    }

    /// The counts, the time and what people should know.
    func summarize(_ details: JobDetailsView) {
        let seconds = (details.job.finishedAt ?? Date()).timeIntervalSince(details.job.createdAt)
        let words = details.job.finishedAt == nil ? "\(details.job.state.title) since" : "\(details.job.state.title) in"
        print("\n\(words) \(String(format: "%.1f", seconds)) s, job \(details.job.id)\n")
        for row in Self.table(details) { print(row) }
        if let line = Self.issues(details) { print("\n\(line)") }
        for step in details.steps {
            if let reason = step.explanation, !reason.isEmpty { print("\n\(step.title): \(reason)") }
            if let message = step.errorMessage { print("\n\(step.title) failed (\(step.errorCode ?? "")): \(message)") }
        }
    }

    private static func line(_ step: StepView) -> String {
        let title = step.title.padding(toLength: 16, withPad: " ", startingAt: 0)
        let filled = barWidth * step.percent / 100
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: barWidth - filled)
        let words =
            switch step.state {
            case .pending: ""
            case .skipped: "skipped"
            case .completed, .completedWithWarnings: "Complete"
            case .failed: "Failed at \(step.percent) %"
            case .waiting: "\(step.percent) %  waiting on Canvas"
            default: "\(step.percent) %"
            }
        return "\(title)  \(bar)  \(words)"
    }

    /// Rows in the roster, rows sent and rows that Canvas took, by type.
    private static func table(_ details: JobDetailsView) -> [String] {
        func counts(_ kind: StepKind) -> [String: Int64] {
            details.steps.first { $0.kind == kind.rawValue }?.counts ?? [:]
        }
        func cell(_ text: String) -> String {
            String(repeating: " ", count: max(0, 12 - text.count)) + text
        }
        func number(_ value: Int64?) -> String { cell(value.map(String.init) ?? "–") }
        let types = [
            ("accounts", "orgs"), ("terms", "academicSessions"), ("courses", "classes"), ("sections", "classes"),
            ("users", "users"), ("enrollments", "enrollments"), ("user_observers", "relationships"),
        ]
        let extract = counts(.extract)
        let convert = counts(.convert)
        let canvas = counts(.importBatch)
        var rows = [
            "Canvas type     " + cell("in roster") + cell("sent") + cell("taken") + "   from"
        ]
        for (type, source) in types where convert["canvas.\(type)"] != nil || extract["\(source).extracted"] != nil {
            rows.append(
                type.padding(toLength: 16, withPad: " ", startingAt: 0) + number(extract["\(source).extracted"])
                    + number(convert["canvas.\(type)"]) + number(canvas["canvas.\(type)"]) + "   \(source).csv")
        }
        return rows.count > 1 ? rows : []
    }

    private static func issues(_ details: JobDetailsView) -> String? {
        let counts = details.steps.first { $0.kind == StepKind.convert.rawValue }?.counts ?? [:]
        let severities = [("issues.errors", "errors"), ("issues.warnings", "warnings"), ("issues.notices", "notices")]
        guard severities.contains(where: { counts[$0.0, default: 0] > 0 }) else { return nil }
        return "In the roster: " + severities.map { "\(counts[$0.0, default: 0]) \($0.1)" }.joined(separator: ", ")
            + "; see issues.csv on the job's page."
    }
}

extension StepView {
    /// The step's name for people; that of a newer program's kind is its own word.
    var title: String { StepKind(rawValue: kind)?.title ?? kind }
}
