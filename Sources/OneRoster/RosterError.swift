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
            code, file: error.entry, detail: "zip \(error.code.rawValue): \(error.detail)", remedy: error.remedy,
            isTransient: error.isTransient)
    }

    /// Code, place, detail and remedy in one line.
    package var description: String {
        let place = [file, row.map { "row \($0)" }].compactMap { $0 }.joined(separator: ", ")
        return "roster \(code.rawValue)\(place.isEmpty ? "" : " (\(place))"): \(detail). \(remedy)"
    }
}
