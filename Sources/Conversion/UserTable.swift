internal import CSV
internal import OneRoster

/// The users: who is there, in which role, and where each stands in the file.
///
/// The table is read twice. The first pass keeps, for each user, id, place in the file and a few bits: some 60 bytes
/// beside the id. When roles and enrolments have been read, the second pass goes through the users in the order of ids,
/// fetches each row from its place and writes it. So names and addresses of a million people are never all in memory.
struct UserTable: ~Copyable {
    /// What is known of a user.
    struct Flags: OptionSet {
        let rawValue: UInt8
        static let deleted = Flags(rawValue: 1)
        static let enrolled = Flags(rawValue: 2)
        static let exported = Flags(rawValue: 4)
        /// The role so far came from a primary one.
        static let primaryRole = Flags(rawValue: 8)
        /// An enrolment of a delta refers to the user; an earlier package brought the row.
        static let earlier = Flags(rawValue: 16)
    }

    private(set) var entities: EntityRows
    private(set) var roles: [RoleWord] = []
    private(set) var flags: [Flags] = []
    private var offsets: [UInt64] = []
    private var lengths: [UInt32] = []
    private let run: ConversionRun

    /// The first pass.
    init(_ run: ConversionRun) throws {
        self.run = run
        let rows = run.snapshot.table(.users)?.rows ?? 0
        entities = EntityRows(expecting: rows)
        let reserved = min(rows, 1 << 24)
        roles.reserveCapacity(reserved)
        flags.reserveCapacity(reserved)
        offsets.reserveCapacity(reserved)
        lengths.reserveCapacity(reserved)
        try read()
    }

    /// How many, those of earlier packages among them.
    var count: Int { entities.count }

    /// A user's number, or -1.
    func find(_ id: ByteView) -> Int { entities.ids.find(id) }

    /// A user's id.
    func id(of index: Int) -> ByteView { entities.ids.bytes(of: index) }

    /// Where a user's row lies.
    func place(of index: Int) -> (offset: UInt64, bytes: Int) { (offsets[index], Int(lengths[index])) }

    /// Notes that an enrolment wants the user.
    mutating func enroll(_ index: Int) { flags[index].insert(.enrolled) }

    /// Notes that the user is written.
    mutating func export(_ index: Int) { flags[index].insert(.exported) }

    /// Takes in a user that an earlier package brought.
    mutating func admitEarlier(_ id: ByteView) -> Int {
        let (index, isNew) = entities.admitEarlier(id)
        if isNew { append(Flags.earlier, .none, (0, 0)) }
        return index
    }

    private mutating func append(_ flag: Flags, _ role: RoleWord, _ place: (offset: UInt64, bytes: Int)) {
        flags.append(flag)
        roles.append(role)
        offsets.append(place.offset)
        lengths.append(UInt32(truncatingIfNeeded: place.bytes))
    }

    private mutating func read() throws {
        guard var reader = try run.reader(.users) else { return }
        let header = reader.header
        let (id, modified) = (header.position(of: .sourcedId), header.position(of: .dateLastModified))
        let (role, status) = (header.position(of: .role), header.position(of: .status))
        while try reader.next(run.ledger) {
            let admission = try entities.admit(reader, id: id, modified: modified, run.ledger)
            if case .refused = admission { continue }
            let flag = try reader.isDeleted(status, run.ledger) ? Flags.deleted : []
            let word = try role < 0 ? .none : readRole(reader, role)
            switch admission {
            case .new: append(flag, word, reader.place)
            case .replacing(let index):
                flags[index] = flag
                roles[index] = word
                offsets[index] = reader.place.offset
                lengths[index] = UInt32(truncatingIfNeeded: reader.place.bytes)
            case .refused: break
            }
        }
    }

    private func readRole(_ reader: borrowing TableReader, _ position: Int) throws -> RoleWord {
        let field = reader.field(position)
        guard let (word, form) = RoleWord.read(field, map: run.rules.roleMap) else {
            let message = "The role is unknown; the account gets no declared type."
            try run.ledger.note(
                .users, row: reader.row, .valueEnumUnknown, .warning, id: reader.sourcedID, field: .role, message)
            return .none
        }
        try reader.noteForm(form, .role, run.ledger)
        return word
    }
}

extension TableReader {
    /// Notes a role's word that is not as the standard has it.
    func noteForm(_ form: RoleWord.Form, _ column: RosterColumn, _ ledger: IssueLedger) throws {
        switch form {
        case .exact: break
        case .otherCase:
            try ledger.note(
                kind, row: row, .valueEnumCase, .warning, id: sourcedID, field: column,
                "The word's form is not the standard's.")
        case .mapped:
            let message = "The role is not of the standard; it was read through the role map."
            try ledger.note(kind, row: row, .valueEnumUnknown, .warning, id: sourcedID, field: column, message)
        }
    }
}

extension UserTable {
    /// Reads `roles.csv` (version 1.2), where a user's roles stand apart.
    ///
    /// A primary role outweighs others; among equals the strongest counts, teacher before student before the rest.
    mutating func readRoles() throws {
        guard var reader = try run.reader(.roles) else { return }
        let header = reader.header
        let (user, role) = (header.position(of: .userSourcedId), header.position(of: .role))
        let (type, status) = (header.position(of: .roleType), header.position(of: .status))
        while try reader.next(run.ledger) {
            let userID = reader.field(user)
            let index = find(userID)
            guard index >= 0 else {
                try nameLostRole(reader, userID)
                continue
            }
            guard let (word, form) = RoleWord.read(reader.field(role), map: run.rules.roleMap) else {
                let message = "The role is unknown; name it in the role map."
                try run.ledger.note(
                    .roles, row: reader.row, .valueEnumUnknown, .error, id: userID.string, field: .role, message,
                    .skipped)
                continue
            }
            try reader.noteForm(form, .role, run.ledger)
            let isDeleted = try reader.isDeleted(status, run.ledger)
            if !isDeleted { try weigh(word, isPrimary: Self.isPrimary(reader.field(type)), of: index, reader) }
            run.ledger.converted(.roles)
        }
    }

    private func nameLostRole(_ reader: borrowing TableReader, _ userID: ByteView) throws {
        let message = userID.isEmpty ? "The role names no user." : "The role's user is not in the package."
        let code: RosterIssueCode = userID.isEmpty ? .valueRequired : .refUserMissing
        try run.ledger.note(
            .roles, row: reader.row, code, .error, id: userID.string, field: .userSourcedId, message, .skipped)
    }

    /// School Data Sync has a yes or no where the standard has a word.
    private static func isPrimary(_ field: ByteView) -> Bool {
        field.equalsFolded("primary") || BooleanWord.read(field).word == .yes
    }

    private mutating func weigh(
        _ word: RoleWord, isPrimary: Bool, of index: Int, _ reader: borrowing TableReader
    ) throws {
        let wasPrimary = flags[index].contains(.primaryRole)
        if isPrimary && wasPrimary && roles[index] != word {
            let message = "The user has primary roles of several kinds; the strongest counts."
            try run.ledger.note(
                .roles, row: reader.row, .userSeveralPrimaryRoles, .warning, id: id(of: index).string, field: .roleType,
                message)
        }
        let isStronger = isPrimary == wasPrimary ? word.rank > roles[index].rank : isPrimary
        if isStronger { roles[index] = word }
        if isPrimary { flags[index].insert(.primaryRole) }
    }
}
