internal import CSV
internal import OneRoster

/// What all parts of one conversion share. Lives on one thread.
final class ConversionRun {
    let snapshot: RosterSnapshot
    let rules: ConversionRules
    let day: CalendarDay
    let ledger: IssueLedger
    let meter: ConversionMeter
    var calendar: ZonedCalendar
    private let folder: String
    private(set) var files: [ConvertedFile] = []

    init(
        snapshot: RosterSnapshot, rules: ConversionRules, day: CalendarDay, folder: String,
        progress: @escaping (ConversionProgress) throws -> Void
    ) throws {
        self.snapshot = snapshot
        self.rules = rules
        self.day = day
        self.folder = folder
        calendar = try ZonedCalendar(rules: rules)
        ledger = try IssueLedger(path: folder + "/issues.csv")
        // The users are read twice: once for who is there, once to be written in order.
        let again = snapshot.table(.users)?.bytes ?? 0
        meter = ConversionMeter(totalBytes: snapshot.byteCount + again, report: progress)
    }

    /// Opens a table of the snapshot, if it is there.
    func reader(_ kind: RosterTableKind) throws -> TableReader? {
        guard let table = snapshot.table(kind) else { return nil }
        return try TableReader(table, of: snapshot, meter: meter)
    }

    /// Whether a table that is named as a reference's target holds all there is, so that a missing target is an error.
    func isComplete(_ kind: RosterTableKind) -> Bool { snapshot.table(kind)?.mode == .bulk }

    /// Whether references out of a table may point at what an earlier package brought.
    func mayReferToEarlier(_ kind: RosterTableKind) -> Bool { snapshot.table(kind)?.mode == .delta }

    /// Writes one of Canvas's files.
    func write(_ name: String, columns: [String], rows: (inout CSVWriter) throws -> Void) throws {
        var writer = try CSVWriter(path: folder + "/" + name)
        try writer.record(columns)
        try rows(&writer)
        try writer.finish()
        files.append(ConvertedFile(name: name, rows: writer.recordCount - 1, bytes: writer.byteCount))
    }
}
