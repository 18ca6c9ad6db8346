internal import CSV
internal import Glibc

/// Copies one table into the snapshot and looks at all of it on the way: UTF-8, quoting, limits, header, rows.
///
/// One pass over the bytes, since at a gigabyte each pass costs about a second.
struct TableIntake {
    /// Reads the package's bytes of this table.
    typealias Source = (UnsafeMutableRawBufferPointer) throws -> Int

    let kind: RosterTableKind
    let sourceName: String
    let target: String
    let source: Source

    /// Told of each block: bytes and rows so far.
    let progress: (UInt64, Int) throws -> Void

    /// What the pass found; nil stands for a file without any record.
    struct Finding {
        var rows = 0
        var bytes: UInt64 = 0
        var holdsNUL = false
        var header: RosterHeader?
        var headerNames: [String] = []
    }

    /// - Throws: `RosterError`, or what `progress` throws.
    func run() throws -> Finding {
        let state = IntakeState(output: try OutputFile(path: target))
        let source = source
        var scanner = CSVScanner { block in
            let count = try source(block)
            guard count > 0 else { return 0 }
            try state.take(UnsafeRawBufferPointer(rebasing: block[0..<count]))
            return count
        }
        var finding = Finding()
        do {
            try scan(&scanner, state, &finding)
        } catch let error as CSVError {
            throw RosterError(error, file: kind.fileName)
        } catch is IntakeState.InvalidUTF8 {
            throw notUTF8(row: scanner.recordNumber + 1, byte: state.validation.validBytes)
        }
        guard state.validation.finish() else {
            throw notUTF8(row: scanner.recordNumber, byte: state.validation.validBytes)
        }
        finding.bytes = state.bytes
        finding.holdsNUL = state.holdsNUL
        return finding
    }

    private func scan(_ scanner: inout CSVScanner, _ state: IntakeState, _ finding: inout Finding) throws {
        guard try scanner.next() else { return }
        finding.headerNames = scanner.fields
        finding.header = try RosterHeader(kind: kind, names: finding.headerNames, file: kind.fileName)
        var reported: UInt64 = 0
        while try scanner.next() {
            finding.rows += 1
            if state.bytes &- reported >= RosterProgress.stepBytes {
                reported = state.bytes
                try progress(state.bytes, finding.rows)
            }
        }
        try progress(state.bytes, finding.rows)
    }

    private func notUTF8(row: Int, byte: UInt64) -> RosterError {
        RosterError(
            .notUTF8, file: kind.fileName, row: row,
            detail: "byte \(byte + 1) is of another encoding, in this row or one of the next few thousand",
            remedy: "Export the table as UTF-8, not in a Windows or Mac encoding.")
    }
}

/// What gathers while blocks pass; shared between the scanner's source and the pass.
private final class IntakeState {
    struct InvalidUTF8: Error {}

    let output: OutputFile
    var validation = UTF8Validation()
    var bytes: UInt64 = 0
    var holdsNUL = false

    init(output: OutputFile) {
        self.output = output
    }

    func take(_ block: UnsafeRawBufferPointer) throws {
        guard validation.take(block) else { throw InvalidUTF8() }
        if !holdsNUL, let base = block.baseAddress { holdsNUL = memchr(base, 0, block.count) != nil }
        try output.write(block)
        bytes += UInt64(block.count)
    }
}
