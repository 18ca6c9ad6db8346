/// Turns CSV into a JSON array with one object a row, as it comes in.
///
/// Keys are the header's names in their order; values are always text, since `007` is an identifier and no number. A
/// row that is shorter than the header lacks its last keys; a longer one has `column_9` and so on. Reads what the
/// scanner of the `CSV` module reads, but is fed instead of reading, because chunks come from a store that must be
/// awaited.
///
/// Legal order: `feed` any number of times, then `finish` once. Memory: one field, the header, and the JSON of one
/// chunk.
struct TableTranscoder {
    private enum State {
        case fieldStart
        case unquoted
        case quoted
        case quoteInQuoted
    }

    private enum Byte {
        static let quote = UInt8(ascii: "\"")
        static let comma = UInt8(ascii: ",")
        static let lineFeed = UInt8(ascii: "\n")
        static let carriageReturn = UInt8(ascii: "\r")
        static let backslash = UInt8(ascii: "\\")
    }

    /// Bytes of one field.
    private static let fieldLimit = 1 << 20
    /// Fields of one row.
    private static let columnLimit = 4096
    private static let digits = Array("0123456789abcdef".utf8)

    private var state = State.fieldStart
    private var field: [UInt8] = []
    /// Fields of the row that are finished.
    private var column = 0
    private var rowHasContent = false
    private var lastWasCarriageReturn = false
    private var markBytes = 0
    private var isBeginning = true
    private var line = 1
    /// `"name":` of each column; nil until the header is read.
    private var keys: [[UInt8]]?
    private var names: [String] = []
    private var rows = 0
    private var output: [UInt8] = []

    /// Takes the next bytes, and returns the JSON that is finished with them.
    mutating func feed(_ bytes: [UInt8]) throws(TableError) -> [UInt8] {
        output.removeAll(keepingCapacity: true)
        for byte in bytes { try take(byte) }
        return output
    }

    /// Ends the table, and returns the rest of the JSON.
    mutating func finish() throws(TableError) -> [UInt8] {
        output.removeAll(keepingCapacity: true)
        guard state != .quoted else { throw TableError(line: line, detail: "the file ends inside a quoted field") }
        if rowHasContent { try endRow() }
        if rows == 0 { output.append(UInt8(ascii: "[")) }
        output.append(contentsOf: "\n]\n".utf8)
        return output
    }

    private mutating func take(_ byte: UInt8) throws(TableError) {
        if isBeginning, try isPartOfMark(byte) { return }
        if lastWasCarriageReturn {
            lastWasCarriageReturn = false
            if byte == Byte.lineFeed && state == .fieldStart { return }
        }
        switch state {
        case .quoted:
            if byte == Byte.quote { state = .quoteInQuoted } else { try append(byte) }
        case .quoteInQuoted where byte == Byte.quote:
            state = .quoted
            try append(byte)
        case .fieldStart where byte == Byte.quote:
            state = .quoted
            rowHasContent = true
        default:
            try takeOutsideQuotes(byte)
        }
    }

    private mutating func takeOutsideQuotes(_ byte: UInt8) throws(TableError) {
        switch byte {
        case Byte.comma:
            rowHasContent = true
            try endField()
        case Byte.lineFeed, Byte.carriageReturn:
            lastWasCarriageReturn = byte == Byte.carriageReturn
            if rowHasContent { try endRow() }
            line += 1
        case _ where state == .quoteInQuoted:
            throw TableError(line: line, detail: "text stands behind a closing quote")
        default:
            rowHasContent = true
            state = .unquoted
            try append(byte)
        }
    }

    /// Skips EF BB BF at the very beginning; anything less than the whole mark is content.
    private mutating func isPartOfMark(_ byte: UInt8) throws(TableError) -> Bool {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        if byte == mark[markBytes] {
            markBytes += 1
            isBeginning = markBytes < mark.count
            return true
        }
        isBeginning = false
        for skipped in mark.prefix(markBytes) { try take(skipped) }
        return false
    }

    private mutating func append(_ byte: UInt8) throws(TableError) {
        guard field.count < Self.fieldLimit else {
            throw TableError(line: line, detail: "a field has more than \(Self.fieldLimit) bytes")
        }
        if byte == Byte.lineFeed && state == .quoted { line += 1 }
        field.append(byte)
    }

    private mutating func endField() throws(TableError) {
        guard column < Self.columnLimit else {
            throw TableError(line: line, detail: "a row has more than \(Self.columnLimit) fields")
        }
        if keys == nil {
            names.append(String(decoding: field, as: UTF8.self))
        } else {
            appendMember()
        }
        column += 1
        field.removeAll(keepingCapacity: true)
        state = .fieldStart
    }

    private mutating func endRow() throws(TableError) {
        try endField()
        if keys == nil {
            keys = Self.keys(of: names)
            names = []
        } else {
            output.append(UInt8(ascii: "}"))
        }
        column = 0
        rowHasContent = false
    }

    private mutating func appendMember() {
        if column == 0 {
            output.append(contentsOf: (rows == 0 ? "[\n{" : ",\n{").utf8)
            rows += 1
        } else {
            output.append(Byte.comma)
        }
        if let keys, column < keys.count {
            output.append(contentsOf: keys[column])
        } else {
            output.append(contentsOf: "\"column_\(column + 1)\":".utf8)
        }
        Self.appendString(field, to: &output)
    }

    /// A name that comes twice gets its place behind it: an object must not hold a key twice.
    private static func keys(of names: [String]) -> [[UInt8]] {
        var seen: Set<String> = []
        return names.enumerated().map { index, name in
            var unique = name.isEmpty ? "column_\(index + 1)" : name
            if !seen.insert(unique).inserted {
                unique += "_\(index + 1)"
                seen.insert(unique)
            }
            var key: [UInt8] = []
            appendString(Array(unique.utf8), to: &key)
            key.append(UInt8(ascii: ":"))
            return key
        }
    }

    private static func appendString(_ bytes: [UInt8], to output: inout [UInt8]) {
        // What is no UTF-8 is repaired with U+FFFD, since JSON must be UTF-8.
        let valid = bytes.contains { $0 >= 0x80 } ? Array(String(decoding: bytes, as: UTF8.self).utf8) : bytes
        output.append(Byte.quote)
        for byte in valid {
            switch byte {
            case Byte.quote, Byte.backslash:
                output.append(Byte.backslash)
                output.append(byte)
            case Byte.lineFeed: output.append(contentsOf: "\\n".utf8)
            case Byte.carriageReturn: output.append(contentsOf: "\\r".utf8)
            case 0..<0x20:
                output.append(contentsOf: "\\u00".utf8)
                output.append(digits[Int(byte >> 4)])
                output.append(digits[Int(byte & 15)])
            default: output.append(byte)
            }
        }
        output.append(Byte.quote)
    }
}

/// Why a table cannot be read any further.
struct TableError: Error, Hashable, CustomStringConvertible {
    /// From 1.
    let line: Int
    let detail: String

    var description: String { "line \(line): \(detail)" }
}
