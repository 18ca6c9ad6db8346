internal import CSV
internal import OneRoster

/// How much of a conversion is done, and whom to tell.
final class ConversionMeter {
    /// Between two calls lie at least so many bytes.
    static let stepBytes: UInt64 = 4 << 20

    private let report: (ConversionProgress) throws -> Void
    private let totalBytes: UInt64
    private var doneBytes: UInt64 = 0
    private var reportedBytes: UInt64 = 0

    init(totalBytes: UInt64, report: @escaping (ConversionProgress) throws -> Void) {
        self.totalBytes = totalBytes
        self.report = report
    }

    /// Adds work; calls out when enough has gathered.
    func add(_ bytes: Int, file: @autoclosure () -> String) throws {
        doneBytes &+= UInt64(bytes)
        guard doneBytes &- reportedBytes >= Self.stepBytes else { return }
        try tell(file())
    }

    /// Calls out in any case.
    func tell(_ file: String) throws {
        reportedBytes = doneBytes
        try report(ConversionProgress(file: file, doneBytes: min(doneBytes, totalBytes), totalBytes: totalBytes))
    }
}

/// Reads the rows of one table of a snapshot, and names those that cannot be read.
struct TableReader: ~Copyable {
    let kind: RosterTableKind
    let header: RosterHeader

    /// Whether the table holds changes only.
    let isDelta: Bool

    private let fileName: String
    private let idPosition: Int
    private let holdsNUL: Bool
    private let essential: [Int]
    private let meter: ConversionMeter
    private var scanner: CSVScanner

    /// - Throws: `RosterError` if the table is not the one that was extracted.
    init(_ table: RosterTable, of snapshot: RosterSnapshot, meter: ConversionMeter) throws {
        var scanner = try CSVScanner(path: snapshot.path(of: table))
        guard try scanner.next() else {
            throw RosterError(
                .snapshotDamaged, file: table.file, detail: "the table is empty", remedy: "Extract the roster again.")
        }
        let header = try RosterHeader(kind: table.kind, names: scanner.fields, file: table.file)
        self.init(table, header, meter, scanner)
    }

    /// Apart from the other, which throws: Swift 6.3 optimises a throwing initialiser that moves its scanner into
    /// `self` so that it frees the scanner's buffer at an address of its own making.
    private init(
        _ table: RosterTable, _ header: RosterHeader, _ meter: ConversionMeter, _ scanner: consuming CSVScanner
    ) {
        kind = table.kind
        isDelta = table.mode == .delta
        holdsNUL = table.holdsNUL
        fileName = table.file
        self.meter = meter
        self.header = header
        essential = header.essentialPositions
        let namesUsers = table.kind == .roles || table.kind == .relationships
        idPosition = header.position(of: namesUsers || !header.has(.sourcedId) ? .userSourcedId : .sourcedId)
        self.scanner = scanner
    }

    /// The current row's number; the header is 1.
    var row: Int { scanner.recordNumber }

    /// The current row's id for its issues, or empty. Roles, relationships, and enrolments of a source that gives them
    /// no ids go by their user.
    var sourcedID: String { field(idPosition).string }

    /// Where the current row lies in the file.
    var place: (offset: UInt64, bytes: Int) { (scanner.recordOffset, scanner.recordBytes) }

    /// The current row's bytes.
    var record: ByteView { scanner.record }

    /// A trimmed field; empty for position -1.
    @inline(__always)
    func field(_ position: Int) -> ByteView { scanner.field(position).trimmed }

    /// Moves to the next row that can be read; rows that cannot are named and passed.
    mutating func next(_ ledger: IssueLedger) throws -> Bool {
        while try scanner.next() {
            try meter.add(scanner.recordBytes, file: fileName)
            let isRegular = scanner.fieldCount == header.width && !scanner.hasStrayQuote && !holdsNUL
            if try isRegular || isReadable(ledger) { return true }
        }
        return false
    }

    private func isReadable(_ ledger: IssueLedger) throws -> Bool {
        if holdsNUL && record.firstIndex(of: 0) != nil {
            try ledger.note(kind, row: row, .rowNUL, .error, id: sourcedID, "The row holds a NUL character.", .skipped)
            return false
        }
        if scanner.hasStrayQuote {
            try ledger.note(
                kind, row: row, .rowStrayQuote, .warning, id: sourcedID, "A quote stands inside an unquoted field.")
        }
        let (count, width) = (scanner.fieldCount, header.width)
        guard count != width else { return true }
        let counts = "The row has \(count) fields, the header \(width)."
        let lacks = essential.contains { $0 >= count }
        let hasExtra = count > width && (width..<count).contains { !field($0).isEmpty }
        if lacks || hasExtra {
            try ledger.note(kind, row: row, .rowWidth, .error, id: sourcedID, counts, .skipped)
            return false
        }
        try ledger.note(kind, row: row, .rowWidth, .warning, id: sourcedID, counts)
        return true
    }
}

extension TableReader {
    /// Reads `status` and says whether the record is to be deleted.
    func isDeleted(_ position: Int, _ ledger: IssueLedger) throws -> Bool {
        let field = field(position)
        if field.isEmpty {
            if isDelta {
                let message = "A delta row needs a status; it counts as active."
                try ledger.note(kind, row: row, .rowRequiredInDelta, .error, id: sourcedID, field: .status, message)
            }
            return false
        }
        let (word, isExact) = StatusWord.read(field)
        if word == .unknown {
            let message = "The status is none of active and tobedeleted; it counts as active."
            try ledger.note(kind, row: row, .valueEnumUnknown, .warning, id: sourcedID, field: .status, message)
            return false
        }
        if !isExact {
            try ledger.note(
                kind, row: row, .valueEnumCase, .warning, id: sourcedID, field: .status,
                "The word's form is not the standard's.")
        }
        if !isDelta {
            try ledger.note(
                kind, row: row, .rowForbiddenInBulk, .warning, id: sourcedID, field: .status,
                "A bulk row has no status.")
        }
        return word == .toBeDeleted
    }

    /// Reads a date; one in an odd form is noted.
    func day(
        _ position: Int, _ column: RosterColumn, _ ledger: IssueLedger, _ order: ConversionRules.DateOrder
    ) throws -> CalendarDay? {
        let reading = DateReading(field(position), order: order)
        switch reading {
        case .blank, .exact: break
        case .otherForm:
            try ledger.note(
                kind, row: row, .valueDateForm, .warning, id: sourcedID, field: column,
                "The date is not in the form YYYY-MM-DD.")
        case .unknown:
            let message = "The date cannot be understood; it counts as blank."
            try ledger.note(kind, row: row, .valueDateAmbiguous, .error, id: sourcedID, field: column, message)
        }
        return reading.day
    }
}
