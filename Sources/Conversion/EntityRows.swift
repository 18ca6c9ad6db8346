internal import CSV
internal import OneRoster

/// Who is who in one table: ids, and which row of each id counts.
struct EntityRows: ~Copyable {
    /// What a row is.
    enum Admission {
        /// A new id, with its number.
        case new(Int)
        /// A newer row of a known id, which takes the place of the old one.
        case replacing(Int)
        /// No row to be read; it has been named.
        case refused
    }

    private(set) var ids: IdentityTable
    /// The row that counts, by number.
    private(set) var rows: [UInt32] = []
    private var hashes: [UInt64] = []
    private var modified: [UInt64] = []
    private var folded = HashSet64()

    init(expecting count: Int) {
        ids = IdentityTable(expecting: count)
        rows.reserveCapacity(min(count, 1 << 24))
        hashes.reserveCapacity(min(count, 1 << 24))
    }

    /// How many ids.
    var count: Int { ids.count }

    /// Takes the reader's row: blank ids, odd ids and duplicates are dealt with here, for all tables alike.
    mutating func admit(
        _ reader: borrowing TableReader, id position: Int, modified modifiedPosition: Int, _ ledger: IssueLedger
    ) throws -> Admission {
        let id = reader.field(position)
        let (kind, row) = (reader.kind, reader.row)
        guard !id.isEmpty else {
            try ledger.note(kind, row: row, .valueRequired, .error, field: .sourcedId, "The row has no id.", .skipped)
            return .refused
        }
        let hash = reader.record.trimmed.hash(seed: 0x5EED)
        let (index, isNew) = ids.insert(id)
        if isNew {
            rows.append(UInt32(truncatingIfNeeded: row))
            hashes.append(hash)
            if reader.isDelta { modified.append(Self.instant(reader.field(modifiedPosition))) }
            try checkForm(id, kind, row, ledger)
            return .new(index)
        }
        if hashes[index] == hash {
            try ledger.note(
                kind, row: row, .idDuplicate, .notice, id: id.string, "Row \(rows[index]) is the same.", .merged)
            return .refused
        }
        let instant = reader.isDelta ? Self.instant(reader.field(modifiedPosition)) : 0
        guard reader.isDelta && instant >= modified[index] else {
            let message = "Row \(rows[index]) has the same id and other content; that one counts."
            try ledger.note(kind, row: row, .idDuplicate, .error, id: id.string, message, .skipped)
            return .refused
        }
        let message = "Row \(row) has the same id and is newer; that one counts."
        try ledger.note(kind, row: Int(rows[index]), .idDuplicate, .warning, id: id.string, message, .skipped)
        rows[index] = UInt32(truncatingIfNeeded: row)
        hashes[index] = hash
        modified[index] = instant
        return .replacing(index)
    }

    /// Takes in the id of a record that an earlier package brought.
    mutating func admitEarlier(_ id: ByteView) -> (index: Int, isNew: Bool) {
        let admitted = ids.insert(id)
        if admitted.isNew {
            rows.append(0)
            hashes.append(0)
            modified.append(0)
        }
        return admitted
    }

    private mutating func checkForm(_ id: ByteView, _ kind: RosterTableKind, _ row: Int, _ ledger: IssueLedger) throws {
        if id.count > 255 || !Self.hasOnlyAllowed(id) {
            let message =
                "The id is longer than 255 bytes, or holds other characters than letters, digits and . - _ / @."
            try ledger.note(kind, row: row, .valueGUIDForm, .warning, id: id.string, field: .sourcedId, message)
        }
        if !folded.insert(Self.foldedHash(id)) {
            let message = "Another id differs from this one in letter case only."
            try ledger.note(kind, row: row, .idCaseVariant, .warning, id: id.string, field: .sourcedId, message)
        }
    }

    private static let allowed: [Bool] = (0..<256).map { value in
        let byte = UInt8(value)
        return (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || [0x2E, 0x2D, 0x5F, 0x2F, 0x40].contains(byte)
    }

    private static func hasOnlyAllowed(_ id: ByteView) -> Bool {
        let allowed = allowed
        for index in 0..<id.count where !allowed[Int(id[index])] { return false }
        return true
    }

    private static func foldedHash(_ id: ByteView) -> UInt64 {
        var state: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in 0..<id.count {
            let byte = id[index]
            state = (state ^ UInt64(byte &- 0x41 < 26 ? byte | 0x20 : byte)) &* 0x0000_0100_0000_01B3
        }
        return state ^ state &>> 29
    }

    /// The first seventeen digits of a date-time as one number: later ones are larger.
    private static func instant(_ field: ByteView) -> UInt64 {
        var value: UInt64 = 0
        var digits = 0
        for index in 0..<field.count where digits < 17 {
            let digit = field[index] &- 0x30
            guard digit < 10 else { continue }
            value = value * 10 + UInt64(digit)
            digits += 1
        }
        while digits > 0 && digits < 17 {
            value *= 10
            digits += 1
        }
        return value
    }
}
