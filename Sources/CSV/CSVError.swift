/// Why CSV could not be read or written.
///
/// None of these goes away by trying again, but for the two of input and output, which carry the system's error number.
package struct CSVError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure.
    package enum Code: String, Sendable, CaseIterable {
        /// Text stands between a closing quote and the next comma or line end.
        case textAfterQuote
        /// The file ends inside a quoted field.
        case unterminatedQuote
        /// A field is longer than the limit; most often a quote that nobody closed.
        case fieldTooLong
        /// A record is longer than the limit.
        case recordTooLong
        /// A record has more fields than the limit.
        case tooManyFields
        /// A field to be written holds a NUL, which no reader downstream takes.
        case nulByte
        /// A file could not be opened or read.
        case readFailed
        /// A file could not be created or written.
        case writeFailed
    }

    /// What went wrong.
    package let code: Code

    /// The record, counted from 1, the header being 1; nil when no record is to blame.
    package let record: Int?

    /// The physical line on which the record starts, counted from 1.
    package let line: Int?

    /// The limit that was passed or the system's words; never a field's content.
    package let detail: String

    /// A failure at a record, or of the whole file.
    package init(_ code: Code, record: Int? = nil, line: Int? = nil, detail: String) {
        self.code = code
        self.record = record
        self.line = line
        self.detail = detail
    }

    /// Whether the same call may succeed later: true for input and output alone.
    package var isTransient: Bool { code == .readFailed || code == .writeFailed }

    /// What a person does about it.
    package var remedy: String {
        switch code {
        case .textAfterQuote: "Double every quote inside a quoted field, or quote the whole field."
        case .unterminatedQuote: "Close the quoted field; the file may have been cut short."
        case .fieldTooLong, .recordTooLong: "Look for an opening quote without its closing quote near this line."
        case .tooManyFields: "Check that the file is comma-separated and its lines are ended."
        case .nulByte: "Remove the NUL character at the source."
        case .readFailed: "Check that the file exists and may be read."
        case .writeFailed: "Check the free space and the rights of the folder."
        }
    }

    /// Code, place, detail and remedy in one line.
    package var description: String {
        let place = record.map { " in record \($0)" + (line.map { " (line \($0))" } ?? "") } ?? ""
        return "CSV \(code.rawValue)\(place): \(detail). \(remedy)"
    }
}

/// What a scanner accepts at most. The defaults are far above any roster and far below the memory of a worker.
package struct CSVLimits: Sendable, Equatable {
    /// Bytes of one field; default 1 MiB.
    package var fieldBytes = 1 << 20

    /// Bytes of one record; default 16 MiB, which is also the most a scanner's buffer may grow to.
    package var recordBytes = 16 << 20

    /// Fields of one record; default 4 096.
    package var fields = 4096

    /// The defaults.
    package init() {}
}
