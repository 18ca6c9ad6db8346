internal import CSV
internal import OneRoster

/// Writes `issues.csv` and keeps the counts.
///
/// A row that is left out or merged is always listed. Remarks on rows that were converted all the same are listed
/// ``keptLimit`` times per file and code: one odd habit of a source would otherwise fill a list as long as the roster.
/// The counts are complete.
final class IssueLedger {
    /// Remarks on converted rows listed for each file and code.
    static let keptLimit = 200

    /// The columns of `issues.csv`.
    static let columns = ["file", "row", "code", "severity", "sourced_id", "field", "message", "outcome"]

    private struct Key: Hashable {
        let file: String
        let code: RosterIssueCode
        let severity: RosterIssue.Severity
    }

    private var writer: CSVWriter
    private var counts: [Key: Int] = [:]
    private var tallies: [RosterTableKind: Tally] = [:]

    /// What became of a table's rows so far.
    struct Tally {
        var converted = 0
        var skipped = 0
        var merged = 0
    }

    init(path: String) throws {
        writer = try CSVWriter(path: path)
        try writer.record(Self.columns)
    }

    /// Counts rows of a table as converted.
    func converted(_ kind: RosterTableKind, _ rows: Int = 1) {
        tallies[kind, default: Tally()].converted += rows
    }

    /// What became of a table's rows so far.
    func tally(_ kind: RosterTableKind) -> Tally { tallies[kind] ?? Tally() }

    /// Takes an issue that was found before the conversion.
    func take(_ issue: RosterIssue) throws {
        try list(issue)
    }

    /// Notes something about a row of a table.
    func note(
        _ kind: RosterTableKind, row: Int?, _ code: RosterIssueCode, _ severity: RosterIssue.Severity, id: String = "",
        field: RosterColumn? = nil, _ message: String, _ outcome: RosterIssue.Outcome = .kept
    ) throws {
        switch outcome {
        case .kept: break
        case .skipped: tallies[kind, default: Tally()].skipped += 1
        case .merged: tallies[kind, default: Tally()].merged += 1
        }
        try list(
            RosterIssue(
                file: kind.fileName, row: row, code: code, severity: severity, sourcedID: String(id.prefix(255)),
                field: field?.rawValue ?? "", message: message, outcome: outcome))
    }

    private func list(_ issue: RosterIssue) throws {
        let key = Key(file: issue.file, code: issue.code, severity: issue.severity)
        let count = counts[key, default: 0] + 1
        counts[key] = count
        guard issue.outcome != .kept || count <= Self.keptLimit else { return }
        try writer.field(issue.file)
        try writer.field(issue.row.map(String.init) ?? "")
        try writer.field(issue.code.rawValue)
        try writer.field(issue.severity.rawValue)
        try writer.field(issue.sourcedID.filter { $0 != "\0" })
        try writer.field(issue.field.filter { $0 != "\0" })
        try writer.field(issue.message.filter { $0 != "\0" })
        try writer.field(issue.outcome.rawValue)
        try writer.endRecord()
    }

    /// Ends the file.
    ///
    /// - Returns: the counts in order, and how many issues are listed.
    func finish() throws -> (counts: [IssueCount], listed: Int) {
        let listed = writer.recordCount - 1
        try writer.finish()
        let sorted = counts.sorted {
            ($0.key.file, $0.key.code.rawValue, $0.key.severity.rawValue)
                < ($1.key.file, $1.key.code.rawValue, $1.key.severity.rawValue)
        }
        let counts = sorted.map {
            IssueCount(file: $0.key.file, code: $0.key.code, severity: $0.key.severity, count: $0.value)
        }
        return (counts, listed)
    }
}
