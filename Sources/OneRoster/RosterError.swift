package import Archives
package import CSV

/// Why a roster cannot be read at all. Whatever concerns single rows is a ``RosterIssue`` instead.
package struct RosterError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure.
    package enum Code: String, Sendable, CaseIterable {
        /// No file of the package is a roster table.
        case noTables
        /// All tables are empty.
        case noRows
        /// A table is not UTF-8.
        case notUTF8
        /// A table breaks the rules of quoting.
        case malformedCSV
        /// A table passes a limit on fields, records or columns.
        case overLimit
        /// A column is missing without which the table means nothing.
        case missingColumn
        /// The zip was refused.
        case archive
        /// The source, or a file of it, cannot be read.
        case unreadable
        /// A file cannot be written.
        case cannotWrite
        /// The snapshot's description is missing or was written by another version.
        case snapshotDamaged
        /// A rule names something that does not exist, such as a time zone.
        case invalidRules
    }

    /// What went wrong.
    package let code: Code

    /// The file, as far as one is to blame.
    package let file: String?

    /// The record, counted from 1, the header being 1.
    package let row: Int?

    /// What was found; no field content.
    package let detail: String

    /// What a person does about it.
    package let remedy: String

    /// Whether the same call may succeed later.
    package let isTransient: Bool

    /// A failure in words of its own.
    package init(
        _ code: Code, file: String? = nil, row: Int? = nil, detail: String, remedy: String, isTransient: Bool = false
    ) {
        self.code = code
        self.file = file
        self.row = row
        self.detail = detail
        self.remedy = remedy
        self.isTransient = isTransient
    }

    /// A CSV failure seen from the table it happened in.
    package init(_ error: CSVError, file: String) {
        let code: Code =
            switch error.code {
            case .textAfterQuote, .unterminatedQuote, .nulByte: .malformedCSV
            case .fieldTooLong, .recordTooLong, .tooManyFields: .overLimit
            case .readFailed: .unreadable
            case .writeFailed: .cannotWrite
            }
        let place = error.line.map { "line \($0): " } ?? ""
        self.init(
            code, file: file, row: error.record, detail: place + error.detail, remedy: error.remedy,
            isTransient: error.isTransient)
    }

    /// A zip's failure.
    package init(_ error: ArchiveError) {
        let code: Code = error.code == .writeFailed ? .cannotWrite : error.code == .unreadable ? .unreadable : .archive
        self.init(
            code, file: error.entry, detail: error.detail, remedy: error.remedy, isTransient: error.isTransient)
    }

    /// What is wrong, where, and what to do, in one line of words; `code` is for programs.
    package var description: String {
        let rowWords = row.map { " (row \($0))" } ?? ""
        let start =
            switch (code, file) {
            case (.archive, let file?), (.snapshotDamaged, let file?): "\(code.wholeVerdict) (\(file))"
            case (_, let file?): "\(file)\(rowWords) \(code.verdict)"
            case (_, nil): code.wholeVerdict
            }
        return "\(start): \(detail). \(remedy)"
    }
}

extension RosterError.Code {
    /// What is said of a file.
    fileprivate var verdict: String {
        switch self {
        case .noTables, .noRows: "holds nothing"
        case .notUTF8: "is not UTF-8"
        case .malformedCSV: "is not well-formed CSV"
        case .overLimit: "passes a limit"
        case .missingColumn: "lacks a column without which it means nothing"
        case .archive, .unreadable: "cannot be read"
        case .cannotWrite: "cannot be written"
        case .snapshotDamaged: "is damaged"
        case .invalidRules: "cannot be used"
        }
    }

    /// What is said of the whole roster.
    fileprivate var wholeVerdict: String {
        switch self {
        case .noTables: "The package holds no roster"
        case .noRows: "The roster has no rows"
        case .archive: "The zip cannot be read"
        case .snapshotDamaged: "The stored roster is damaged"
        case .invalidRules: "The rules of the conversion cannot be used"
        case .notUTF8, .malformedCSV, .overLimit, .missingColumn, .unreadable, .cannotWrite: "The roster \(verdict)"
        }
    }
}
