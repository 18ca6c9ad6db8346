import Archives
import CSV
import FoundationEssentials
import Jobs

/// Makes the archive with the rows alone that Canvas refused: from its list of errors, and the archive that it was
/// sent then.
///
/// Both are streamed; what stays in memory is the numbers of the rows. The same list and archive give the same bytes,
/// so an attempt after a crash has the archive of the one before it.
struct RefusedRowsArchive {
    /// What was packed.
    struct Packed: Sendable {
        /// Rows by the plain name of their file, such as `users.csv`.
        var rows: [String: Int] = [:]
        /// Lines of the list that name no row of the old archive.
        var unplaced = 0
    }

    /// Rows between two looks at whether the work is still wanted.
    private static let stride = 4096

    /// Canvas's list.
    let list: String
    /// What Canvas was sent.
    let source: String
    /// Where files are written.
    let folder: String
    let checkCancellation: () throws -> Void

    /// - Parameters:
    ///   - target: the archive's path.
    ///   - tag: the name that its files carry.
    /// - Throws: `StepFailure`, or what `checkCancellation` throws.
    func pack(into target: String, tag: BatchName) throws -> Packed {
        do {
            let refused = try read()
            guard !refused.isEmpty else { throw Self.noRows(refused.lines) }
            var packed = Packed(unplaced: refused.unplaced)
            var archive = try ZipWriter(path: target)
            let old = try OpenArchive(source)
            while let entry = try old.reader.nextEntry() {
                guard let wanted = refused.rows[entry.path] else { continue }
                let name = BatchName.plainName(of: entry.path) ?? entry.path
                let found = try copy(wanted, of: old, to: "\(folder)/\(name)")
                packed.unplaced += wanted.count - found
                guard found > 0 else { continue }
                packed.rows[name] = found
                try archive.add(file: "\(folder)/\(name)", as: tag.fileName(name))
            }
            try archive.finish()
            guard !packed.rows.isEmpty else { throw Self.noRows(refused.lines) }
            return packed
        } catch let error as CSVError {
            throw StepFailure(
                error.isTransient ? .transient : .permanent, code: "import.list_\(error.code.rawValue)",
                message: "The rows that Canvas refused cannot be put together: \(error)")
        } catch {
            throw rosterFailure(error)
        }
    }

    private func read() throws -> RefusedRows {
        var refused = RefusedRows(files: Set(try ZipReader.entries(of: source, limits: .ownWork).map(\.path)))
        var scanner = try CSVScanner(path: list)
        guard try scanner.next(), let file = scanner.fields.firstIndex(of: "file"),
            let row = scanner.fields.firstIndex(of: "row")
        else { return refused }
        while try scanner.next() {
            if scanner.recordNumber % Self.stride == 0 { try checkCancellation() }
            refused.take(file: scanner.field(file).trimmed.string, row: scanner.field(row).trimmed.string)
        }
        return refused
    }

    /// Writes the header and these records of the old archive's present file.
    ///
    /// - Returns: how many there were.
    private func copy(_ wanted: Set<Int>, of old: OpenArchive, to path: String) throws -> Int {
        var scanner = CSVScanner { try old.reader.read(into: $0) }
        var writer = try CSVWriter(path: path)
        while try scanner.next() {
            if scanner.recordNumber % Self.stride == 0 { try checkCancellation() }
            guard scanner.recordNumber == 1 || wanted.contains(scanner.recordNumber) else { continue }
            for index in 0..<scanner.fieldCount { try writer.field(scanner.field(index)) }
            try writer.endRecord()
        }
        try writer.finish()
        return max(0, writer.recordCount - 1)
    }

    private static func noRows(_ lines: Int) -> StepFailure {
        StepFailure(
            .permanent, code: "import.no_rows",
            message: """
                None of the \(lines) lines of Canvas's list names a row that could be sent again. Run the whole import step \
                of the old job again instead ('--from import').
                """
        )
    }
}

/// Holds the reader for the closure that reads from it; entries are read one after the other, on one thread.
private final class OpenArchive {
    var reader: ZipReader

    init(_ path: String) throws {
        reader = try ZipReader(path: path, limits: .ownWork)
    }
}

extension ArchiveLimits {
    /// For an archive that this program has written itself: what it holds was within limits when it was read.
    static var ownWork: ArchiveLimits {
        var limits = ArchiveLimits()
        limits.totalBytes = .max
        limits.ratio = .max
        return limits
    }
}
