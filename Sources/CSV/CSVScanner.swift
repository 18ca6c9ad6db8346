import Glibc

/// Reads CSV (RFC 4180) as a stream of records whose fields are views of one buffer.
///
/// Accepted beyond the letter of the RFC, because real files hold it: LF or a lone CR as line end, no line end at the
/// end, a byte order mark, line ends inside quoted fields, blank lines (skipped), and a quote inside an unquoted field
/// (kept, see ``hasStrayQuote``). Refused: text behind a closing quote, a quote that is never closed, whatever passes
/// ``CSVLimits``.
///
/// Legal order: ``next()`` until it says false; after it, the fields of that record may be read until the following
/// call. Memory is one buffer (1 MiB, growing for a huge record up to `limits.recordBytes`), whatever the size of the
/// file. UTF-8 is not checked here; see ``UTF8Validation``.
@safe
package struct CSVScanner: ~Copyable {
    /// Fills the buffer it is given from its start and says with how many bytes; 0 at the end.
    package typealias Source = (UnsafeMutableRawBufferPointer) throws -> Int

    private let source: Source
    private let limits: CSVLimits
    private var parser: RecordParser
    private var buffer: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var position = 0
    private var filled = 0
    private var bufferOffset: UInt64 = 0
    private var isExhausted = false
    private var isStarted = false
    private var nextLine = 1

    /// The current record, counted from 1 (the header); blank lines do not count.
    package private(set) var recordNumber = 0

    /// The physical line on which the current record starts, counted from 1.
    package private(set) var lineNumber = 1

    /// Where the current record starts in the source, in bytes.
    package private(set) var recordOffset: UInt64 = 0

    /// How many bytes the current record has with its line end.
    package private(set) var recordBytes = 0

    /// Whether the source began with a UTF-8 byte order mark, which was skipped.
    package private(set) var hasByteOrderMark = false

    /// Scans whatever the source yields.
    package init(limits: CSVLimits = CSVLimits(), bufferBytes: Int = 1 << 20, source: @escaping Source) {
        unsafe self.source = unsafe source
        self.limits = limits
        parser = RecordParser(limits: limits)
        capacity = max(min(bufferBytes, limits.recordBytes), 64)
        unsafe buffer = RecordParser.zeroed(capacity)
    }

    /// Scans a file.
    ///
    /// - Throws: `CSVError` with `.readFailed` if it cannot be opened.
    package init(path: String, limits: CSVLimits = CSVLimits()) throws(CSVError) {
        let file = try InputFile(path: path)
        unsafe self.init(limits: limits, source: { try unsafe file.read(into: $0) })
    }

    /// Scans bytes in memory; meant for small things such as a manifest.
    package init(bytes: [UInt8], limits: CSVLimits = CSVLimits()) {
        var taken = 0
        unsafe self.init(limits: limits, bufferBytes: min(bytes.count + 1, 1 << 20)) { target in
            let count = min(target.count, bytes.count - taken)
            unsafe target.copyBytes(from: bytes[taken..<taken + count])
            taken += count
            return count
        }
    }

    deinit {
        unsafe free(buffer)
    }

    /// Fields of the current record.
    package var fieldCount: Int { parser.count }

    /// Whether an unquoted field of the current record holds a quote.
    package var hasStrayQuote: Bool { parser.hasStrayQuote }

    /// The bytes of a field, valid until the next record; empty when the record has no such field.
    package func field(_ index: Int) -> ByteView {
        guard index >= 0 && index < parser.count else { return unsafe ByteView(base: buffer, count: 0) }
        let (start, count) = parser.bounds(of: index)
        return unsafe ByteView(base: buffer + start, count: count)
    }

    /// The current record as it stands in the buffer; its doubled quotes are already undone.
    package var record: ByteView {
        unsafe ByteView(base: buffer + Int(recordOffset - bufferOffset), count: recordBytes)
    }

    /// The fields as text, for headers and small files.
    package var fields: [String] {
        (0..<parser.count).map { unsafe field($0).string }
    }

    /// Moves on to the next record.
    ///
    /// - Returns: false at the end.
    /// - Throws: `CSVError`, or what the source throws.
    package mutating func next() throws -> Bool {
        if !isStarted { try start() }
        while true {
            if position == filled && isExhausted { return false }
            let outcome = unsafe parser.parse(buffer, from: position, to: filled, isLast: isExhausted)
            switch outcome {
            case .record(let next):
                recordNumber += 1
                lineNumber = nextLine
                nextLine += 1
                recordOffset = bufferOffset + UInt64(position)
                recordBytes = next - position
                nextLine += unsafe parser.unescape(buffer)
                position = next
                return true
            case .blankLine(let next):
                nextLine += 1
                position = next
            case .incomplete(let fieldBytes):
                guard fieldBytes <= limits.fieldBytes else { throw failure(.fieldTooLong) }
                try refill()
            case .malformed(let code):
                throw failure(code)
            }
        }
    }

    private mutating func start() throws {
        isStarted = true
        while filled < 3 && !isExhausted { try refill() }
        if unsafe filled >= 3 && buffer[0] == 0xEF && buffer[1] == 0xBB && buffer[2] == 0xBF {
            hasByteOrderMark = true
            position = 3
        }
    }

    /// Moves the unread rest to the front and reads behind it.
    private mutating func refill() throws {
        let rest = filled - position
        if position > 0 {
            unsafe memmove(buffer, buffer + position, rest)
            bufferOffset += UInt64(position)
            position = 0
            filled = rest
        } else if filled == capacity {
            guard capacity < limits.recordBytes else { throw failure(.recordTooLong) }
            grow()
        }
        let space = unsafe UnsafeMutableRawBufferPointer(start: buffer + filled, count: capacity - filled)
        let count = try unsafe source(space)
        isExhausted = count == 0
        filled += count
    }

    private mutating func grow() {
        let larger = min(capacity * 2, limits.recordBytes)
        let replacement = unsafe RecordParser.zeroed(larger)
        unsafe memcpy(replacement, buffer, filled)
        unsafe free(buffer)
        unsafe buffer = replacement
        capacity = larger
    }

    private func failure(_ code: CSVError.Code) -> CSVError {
        let detail =
            switch code {
            case .fieldTooLong: "a field has more than \(limits.fieldBytes) bytes"
            case .recordTooLong: "the record has more than \(limits.recordBytes) bytes"
            case .tooManyFields: "the record has more than \(limits.fields) fields"
            case .unterminatedQuote: "the file ends inside a quoted field"
            default: "text stands behind a closing quote"
            }
        return CSVError(code, record: recordNumber + 1, line: nextLine, detail: detail)
    }
}
