internal import CSV

/// Finds the id of an enrolment again by its row.
///
/// Ids of enrolments are wanted for issues alone, and millions of them in memory would cost more than all the rest. So
/// the place of every sixteenth row is kept, one byte for each enrolment, and an id is read from the file when an issue
/// asks for it: one read of 8 KiB and a scan of at most sixteen rows, some microseconds.
struct EnrollmentIDs {
    private static let spacing = 16
    private static let readBytes = 8 << 10

    private let file: InputFile
    private let column: Int
    private var rows: [UInt32] = []
    private var offsets: [UInt64] = []

    /// - Parameter column: where the id stands in a row; 0 or more.
    /// - Throws: `CSVError` with `.readFailed`.
    init(path: String, column: Int) throws {
        file = try InputFile(path: path)
        self.column = column
    }

    /// Notes where a row lies; rows come in the file's order.
    mutating func pass(row: Int, offset: UInt64) {
        guard rows.last.map({ row - Int($0) >= Self.spacing }) ?? true else { return }
        rows.append(UInt32(truncatingIfNeeded: row))
        offsets.append(offset)
    }

    /// The id in a row that was passed; empty if it is blank.
    ///
    /// - Throws: `CSVError` with `.readFailed`.
    func id(ofRow row: Int) throws -> String {
        guard let known = lastKnown(upTo: row) else { return "" }
        let file = file
        var offset = offsets[known]
        var scanner = CSVScanner(bufferBytes: Self.readBytes) { block in
            let count = try file.read(into: block, at: offset)
            offset += UInt64(count)
            return count
        }
        for _ in Int(rows[known])...row {
            guard try scanner.next() else { return "" }
        }
        return scanner.field(column).trimmed.string
    }

    private func lastKnown(upTo row: Int) -> Int? {
        var (low, high) = (0, rows.count)
        while low < high {
            let middle = (low + high) / 2
            if Int(rows[middle]) <= row { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? low - 1 : nil
    }
}
