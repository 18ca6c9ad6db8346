import Glibc

/// Reads a CSV file the way Canvas does, one record after the other.
///
/// It is written apart from the product's own CSV reader on purpose: with the same reader on both sides, a
/// mistake in it would agree with itself.
///
/// The value owns a file descriptor and must be closed; a copy shares the descriptor and must not be read.
struct CanvasCSVReader: Sendable {
    /// Why a whole file is refused.
    enum Malformed: Error, Equatable {
        case quoting(row: Int)
        case encoding
    }

    private enum Position {
        case fieldStart
        case plain
        case quoted
        case quoteInQuoted
    }

    private static let blockBytes = 256 << 10

    private let descriptor: Int32
    private var block: [UInt8] = []
    private var next = 0
    private var atEnd = false
    /// The record that is being read, without quotes, and where each of its fields ends.
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    /// The number of the record read last; the header is 1.
    private(set) var row = 0

    /// - Throws: `SimulatorError` with `.fileSystem`.
    init(path: String) throws {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystem.error("read \(path)") }
        try fill()
        if block.starts(with: [0xEF, 0xBB, 0xBF]) { next = 3 }
    }

    func closeFile() {
        close(descriptor)
    }

    /// The number of fields of the current record.
    var fieldCount: Int { ends.count }

    /// Moves on to the next record that is no blank line.
    ///
    /// - Returns: False at the end of the file.
    /// - Throws: `Malformed`, or `SimulatorError` with `.fileSystem`.
    mutating func readRecord() throws -> Bool {
        repeat {
            guard try readAnyRecord() else { return false }
        } while ends.count == 1 && bytes.isEmpty
        return true
    }

    /// A field without the white space around it; nothing if that leaves nothing.
    func field(_ index: Int) -> String? {
        let trimmed = trimmedField(index)
        return trimmed.isEmpty ? nil : String(decoding: trimmed, as: UTF8.self)
    }

    /// A field as it stands, for the header: Canvas trims header cells only to detect the type.
    func rawField(_ index: Int) -> String {
        String(decoding: bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]], as: UTF8.self)
    }

    /// Whether every field is empty: such a record is skipped and not counted.
    var isEmptyRecord: Bool { bytes.allSatisfy { $0 <= 32 } }

    private func trimmedField(_ index: Int) -> ArraySlice<UInt8> {
        guard index < ends.count else { return [] }
        var slice = bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
        while let first = slice.first, first <= 32, first != 0 { slice = slice.dropFirst() }
        while let last = slice.last, last <= 32, last != 0 { slice = slice.dropLast() }
        return slice
    }

    private mutating func fill() throws {
        var fresh = [UInt8](repeating: 0, count: CanvasCSVReader.blockBytes)
        let count = fresh.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw FileSystem.error("read an uploaded file") }
        fresh.removeSubrange(count...)
        block = fresh
        next = 0
        atEnd = count == 0
    }

    private mutating func readAnyRecord() throws -> Bool {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        var position = Position.fieldStart
        var started = false
        while true {
            if next >= block.count {
                if !atEnd { try fill() }
                if atEnd { break }
            }
            let byte = block[next]
            next += 1
            if !started {
                started = true
                row += 1
            }
            switch (position, byte) {
            case (.quoted, 34): position = .quoteInQuoted
            case (.quoted, _): bytes.append(byte)
            case (_, 44):
                ends.append(bytes.count)
                position = .fieldStart
            case (_, 10):
                endRecord()
                return try checkedEncoding()
            case (_, 13):
                // A lone CR ends a record as well; of CR LF the LF is taken along.
                if next >= block.count, !atEnd { try fill() }
                if next < block.count, block[next] == 10 { next += 1 }
                endRecord()
                return try checkedEncoding()
            case (.fieldStart, 34): position = .quoted
            case (.quoteInQuoted, 34):
                bytes.append(34)
                position = .quoted
            case (.quoteInQuoted, _), (.plain, 34): throw Malformed.quoting(row: row)
            case (.fieldStart, _), (.plain, _):
                position = .plain
                bytes.append(byte)
            }
        }
        if position == .quoted { throw Malformed.quoting(row: row) }
        guard started else { return false }
        endRecord()
        return try checkedEncoding()
    }

    private mutating func endRecord() {
        ends.append(bytes.count)
    }

    private func checkedEncoding() throws(Malformed) -> Bool {
        let isPlain = bytes.withUnsafeBufferPointer { buffer in buffer.allSatisfy { $0 < 128 } }
        if !isPlain, String(validating: bytes, as: UTF8.self) == nil { throw .encoding }
        return true
    }
}
