package import OneRoster

/// What became of one table's rows. `extracted` is always the sum of the other three.
package struct ConversionCount: Sendable, Codable, Equatable {
    /// The table.
    package let table: RosterTableKind
    /// Rows in the snapshot.
    package let extracted: Int
    /// Rows that became, or went into, a row of Canvas's.
    package let converted: Int
    /// Rows left out, each named in the issues.
    package let skipped: Int
    /// Rows that became part of another's output, each named in the issues.
    package let merged: Int
}

/// One of Canvas's files.
package struct ConvertedFile: Sendable, Codable, Equatable {
    /// Its name, such as `users.csv`.
    package let name: String
    /// Rows below the header.
    package let rows: Int
    /// Its size.
    package let bytes: UInt64
}

/// How often something was found.
package struct IssueCount: Sendable, Codable, Equatable {
    /// The table's file.
    package let file: String
    /// What was found.
    package let code: RosterIssueCode
    /// How grave it is.
    package let severity: RosterIssue.Severity
    /// All occurrences, those that the list leaves out among them.
    package let count: Int
}

/// The result of a conversion.
package struct ConversionReport: Sendable, Codable, Equatable {
    /// By table, in the order of ``RosterTableKind``.
    package let counts: [ConversionCount]
    /// What was written, in Canvas's order of processing; tables that the roster lacks give no file.
    package let files: [ConvertedFile]
    /// By file, code and severity, in this order.
    package let issues: [IssueCount]
    /// Name of the list of issues among the files.
    package static let issuesFile = "issues.csv"

    /// Rows of `issues.csv`.
    package let listedIssues: Int

    /// All occurrences of a severity.
    package func issueCount(_ severity: RosterIssue.Severity) -> Int {
        issues.reduce(0) { $0 + ($1.severity == severity ? $1.count : 0) }
    }
}

/// How far a conversion has come.
package struct ConversionProgress: Sendable, Equatable {
    /// The table being read or the file being written.
    package let file: String
    /// Work done, in bytes read; it never falls and never passes the total.
    package let doneBytes: UInt64
    /// All the work, in bytes to read.
    package let totalBytes: UInt64
}
