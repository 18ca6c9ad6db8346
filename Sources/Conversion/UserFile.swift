internal import CSV
internal import OneRoster

/// Writes `users.csv` in the order of ids, and finds who observes whom on the way.
struct UserFile: ~Copyable {
    private struct Columns {
        let username, email, given, family, preferredGiven, preferredFamily, enabled, pronouns, agents: Int

        init(_ header: RosterHeader) {
            username = header.position(of: .username)
            email = header.position(of: .email)
            given = header.position(of: .givenName)
            family = header.position(of: .familyName)
            preferredGiven = header.position(of: .preferredGivenName)
            preferredFamily = header.position(of: .preferredFamilyName)
            enabled = header.position(of: .enabledUser)
            pronouns = header.position(of: .pronouns)
            agents = header.position(of: .agentSourcedIds)
        }
    }

    private static let columns = [
        "user_id", "login_id", "first_name", "last_name", "short_name", "sortable_name", "email", "declared_user_type",
        "status",
    ]

    private let run: ConversionRun
    private let columns: Columns
    private let everybody: Bool
    private var reader: CSVRecordReader
    private var logins: IdentityTable
    private var prefix: String
    private var folded: [UInt8] = []

    /// Pairs of a user and an agent of theirs, as numbers; only filled with observers on.
    private(set) var agents: [UInt64] = []

    init(_ run: ConversionRun, table: RosterTable) throws {
        let header = try TableReader(table, of: run.snapshot, meter: run.meter).header
        reader = try CSVRecordReader(path: run.snapshot.path(of: table))
        logins = IdentityTable(expecting: table.rows)
        columns = Columns(header)
        // Without an enrolments table nobody can be said not to be enrolled.
        everybody = run.rules.usersChoice == .all || run.snapshot.table(.enrollments) == nil
        prefix = run.rules.userIDPrefix
        self.run = run
    }

    /// Writes the file.
    mutating func write(_ users: inout UserTable, order: [UInt32]) throws {
        let pronouns = run.rules.exportPronouns && columns.pronouns >= 0
        let run = run
        try run.write("users.csv", columns: Self.columns + (pronouns ? ["pronouns"] : [])) { writer in
            for index in order.lazy.map({ Int($0) }) where !users.flags[index].contains(.earlier) {
                let place = users.place(of: index)
                try reader.load(offset: place.offset, bytes: place.bytes)
                try run.meter.add(place.bytes, file: "users.csv")
                if run.rules.observers { noteAgents(index, users) }
                guard try isWanted(index, users) else { continue }
                guard let login = try login(index, users) else { continue }
                try writeRow(index, login, users, &writer)
                if pronouns { try writer.field(field(columns.pronouns)) }
                try writer.endRecord()
                users.export(index)
                run.ledger.converted(.users)
            }
        }
    }

    private func field(_ position: Int) -> ByteView { reader.field(position).trimmed }

    private func skip(
        _ index: Int, _ users: borrowing UserTable, _ code: RosterIssueCode, _ severity: RosterIssue.Severity,
        _ column: RosterColumn, _ message: String
    ) throws {
        try run.ledger.note(
            .users, row: Int(users.entities.rows[index]), code, severity, id: users.id(of: index).string, field: column,
            message, .skipped)
    }

    private func remark(
        _ index: Int, _ users: borrowing UserTable, _ code: RosterIssueCode, _ column: RosterColumn, _ message: String
    ) throws {
        try run.ledger.note(
            .users, row: Int(users.entities.rows[index]), code, .warning, id: users.id(of: index).string, field: column,
            message)
    }

    private func isWanted(_ index: Int, _ users: borrowing UserTable) throws -> Bool {
        let role = users.roles[index]
        if role == .none { try remark(index, users, .userNoRole, .role, "No role is known; no type is declared.") }
        guard !users.flags[index].contains(.enrolled) else { return true }
        if role == .guardian && !run.rules.observers {
            let message = "Guardians get accounts only with observers on."
            try skip(index, users, .userNotExported, .notice, .role, message)
            return false
        }
        guard everybody || role.isStaff || role == .guardian else {
            try skip(index, users, .userNotEnrolled, .notice, .sourcedId, "The user is enrolled in no class.")
            return false
        }
        return true
    }

    /// The login, if the user has one of their own. Lower ids come first, so they keep a login that several want.
    private mutating func login(_ index: Int, _ users: borrowing UserTable) throws -> ByteView? {
        var login = field(-1)
        for choice in run.rules.loginFields where login.isEmpty {
            switch choice {
            case .username: login = field(columns.username)
            case .email: login = field(columns.email)
            case .sourcedID: login = users.id(of: index)
            }
        }
        guard !login.isEmpty else {
            try skip(
                index, users, .loginBlank, .error, .username,
                "The user has no login, without which Canvas takes no user.")
            return nil
        }
        if login.firstIndex(of: 0x20) != nil {
            try remark(index, users, .loginHasSpace, .username, "The login holds a blank.")
        }
        fold(login)
        let (_, isNew) = folded.withUnsafeBufferPointer { bytes in
            // The login is not empty, so neither is its folded form; the fallback is never compared.
            logins.insert(ByteView(base: bytes.baseAddress ?? login.base, count: bytes.count))
        }
        guard isNew else {
            let message = "Another user, whose id is lower, has the same login."
            try skip(index, users, .loginDuplicate, .error, .username, message)
            return nil
        }
        return login
    }

    /// Lower case, as Canvas compares logins.
    private mutating func fold(_ login: ByteView) {
        folded.removeAll(keepingCapacity: true)
        var isASCII = true
        for position in 0..<login.count {
            let byte = login[position]
            isASCII = isASCII && byte < 0x80
            folded.append(byte &- 0x41 < 26 ? byte | 0x20 : byte)
        }
        if !isASCII { folded = Array(login.string.lowercased().utf8) }
    }

    private mutating func writeRow(
        _ index: Int, _ login: ByteView, _ users: borrowing UserTable, _ writer: inout CSVWriter
    ) throws {
        let (given, family) = (field(columns.given), field(columns.family))
        try writer.identifier(prefix: &prefix, users.id(of: index))
        try writer.field(login)
        try writer.field(given)
        try writer.field(family)
        let (preferredGiven, preferredFamily) = (field(columns.preferredGiven), field(columns.preferredFamily))
        if preferredGiven.isEmpty && preferredFamily.isEmpty {
            try writer.blank()
        } else {
            try writer.joined(
                preferredGiven.isEmpty ? given : preferredGiven, ByteView(" "),
                preferredFamily.isEmpty ? family : preferredFamily)
        }
        if given.isEmpty || family.isEmpty {
            try writer.field(given.isEmpty ? family : given)
        } else {
            try writer.joined(family, ByteView(", "), given)
        }
        try writeEmail(index, users, &writer)
        try writer.plain(users.roles[index].declaredUserType)
        try writer.plain(try status(index, users))
    }

    private func writeEmail(_ index: Int, _ users: borrowing UserTable, _ writer: inout CSVWriter) throws {
        let email = field(columns.email)
        guard !email.isEmpty else { return try writer.blank() }
        if let at = email.firstIndex(of: 0x40), at > 0, at + 1 < email.count, email.firstIndex(of: 0x20) == nil,
            email.firstIndex(of: 0x40, from: at + 1) == nil
        {
            return try writer.field(email)
        }
        try remark(index, users, .valueEmailForm, .email, "The address has not the form of one; it is left blank.")
        try writer.blank()
    }

    private func status(_ index: Int, _ users: borrowing UserTable) throws -> StaticString {
        if users.flags[index].contains(.deleted) {
            return run.rules.deletedUser == .deleted ? "deleted" : "suspended"
        }
        let (word, isExact) = BooleanWord.read(field(columns.enabled))
        if !isExact {
            let message = word == .unknown ? "Neither true nor false; read as true." : "Read as \(word == .yes)."
            try remark(index, users, .valueBooleanForm, .enabledUser, message)
        }
        return word == .no ? "suspended" : "active"
    }

    private mutating func noteAgents(_ index: Int, _ users: borrowing UserTable) {
        let list = field(columns.agents)
        var start = 0
        while start < list.count {
            let end = list.firstIndex(of: 0x2C, from: start) ?? list.count
            let agent = list.slice(from: start, to: end).trimmed
            let found = agent.isEmpty ? -1 : users.find(agent)
            if found >= 0 { agents.append(UInt64(index) << 32 | UInt64(found)) }
            start = end + 1
        }
    }
}

extension CSVWriter {
    /// Appends a user's id, behind the prefix if there is one.
    mutating func identifier(prefix: inout String, _ id: ByteView) throws {
        guard !prefix.isEmpty else { return try field(id) }
        try prefix.withUTF8 { bytes in
            guard let base = bytes.baseAddress else { return try field(id) }
            try joined(ByteView(base: base, count: bytes.count), id)
        }
    }
}
