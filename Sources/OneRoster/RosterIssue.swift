/// One thing worth telling about a package or a row of it.
package struct RosterIssue: Sendable, Codable, Equatable {
    /// How grave it is.
    package enum Severity: String, Sendable, Codable, CaseIterable {
        /// By rule, nothing to do.
        case notice
        /// Converted, but not as the standard has it.
        case warning
        /// Not converted, or not as meant.
        case error
    }

    /// What became of the row.
    package enum Outcome: String, Sendable, Codable, CaseIterable {
        /// The row was converted all the same, or the issue is about no single row.
        case kept
        /// The row was left out.
        case skipped
        /// The row became part of another row's output.
        case merged
    }

    /// The table's file name, such as `users.csv`, or the name in the package if it is none of the standard's.
    package let file: String

    /// The record, counted from 1, the header being 1; nil when it is about the whole file.
    package let row: Int?

    /// What it is.
    package let code: RosterIssueCode

    /// How grave it is.
    package let severity: Severity

    /// The record's id, or what stands for it.
    package let sourcedID: String

    /// The column in question, or empty.
    package let field: String

    /// A sentence without personal data beyond ids.
    package let message: String

    /// What became of the row.
    package let outcome: Outcome

    /// An issue; by default about a row that was converted all the same.
    package init(
        file: String, row: Int? = nil, code: RosterIssueCode, severity: Severity, sourcedID: String = "",
        field: String = "", message: String, outcome: Outcome = .kept
    ) {
        self.file = file
        self.row = row
        self.code = code
        self.severity = severity
        self.sourcedID = sourcedID
        self.field = field
        self.message = message
        self.outcome = outcome
    }
}
