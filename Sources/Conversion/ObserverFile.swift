internal import CSV
internal import OneRoster

/// Writes `user_observers.csv`: who watches over whom, from both directions in which a roster says it.
struct ObserverFile {
    private let run: ConversionRun
    private var pairs: Set<UInt64> = []

    init(_ run: ConversionRun) {
        self.run = run
    }

    /// Takes pairs of a user and an agent; either may be the student.
    mutating func take(agents: [UInt64], _ users: borrowing UserTable) {
        for pair in agents {
            let (user, agent) = (Int(pair >> 32), Int(pair & 0xFFFF_FFFF))
            if let found = Self.pair(user, agent, users) { pairs.insert(found) }
        }
    }

    /// Reads `relationships.csv` of School Data Sync.
    mutating func readRelationships(_ users: borrowing UserTable) throws {
        guard var reader = try run.reader(.relationships) else { return }
        let student = reader.header.position(of: .userSourcedId)
        let other = reader.header.position(of: .relationshipUserSourcedId)
        while try reader.next(run.ledger) {
            let (first, second) = (users.find(reader.field(student)), users.find(reader.field(other)))
            if first < 0 || second < 0 {
                try run.ledger.note(
                    .relationships, row: reader.row, .refUserMissing, .error, id: reader.field(student).string,
                    field: first < 0 ? .userSourcedId : .relationshipUserSourcedId,
                    "A user of the pair is not in the package.",
                    .skipped)
            } else if let pair = Self.pair(first, second, users) {
                pairs.insert(pair)
                run.ledger.converted(.relationships)
            } else {
                let message = "It is no pair of an exported guardian and an exported student."
                try run.ledger.note(
                    .relationships, row: reader.row, .observerNotExported, .warning, id: reader.field(student).string,
                    message, .skipped)
            }
        }
    }

    /// Writes the file in the order of observer and student.
    func write(_ users: borrowing UserTable, ranks: [UInt32]) throws {
        func order(_ pair: UInt64) -> (UInt32, UInt32) { (ranks[Int(pair >> 32)], ranks[Int(pair & 0xFFFF_FFFF)]) }
        let sorted = pairs.sorted { order($0) < order($1) }
        var prefix = run.rules.userIDPrefix
        try run.write("user_observers.csv", columns: ["observer_id", "student_id", "status"]) { writer in
            for pair in sorted {
                try writer.identifier(prefix: &prefix, users.id(of: Int(pair >> 32)))
                try writer.identifier(prefix: &prefix, users.id(of: Int(pair & 0xFFFF_FFFF)))
                try writer.plain("active")
                try writer.endRecord()
            }
        }
    }

    /// Observer and student as one number, if they are such a pair and both are written.
    private static func pair(_ first: Int, _ second: Int, _ users: borrowing UserTable) -> UInt64? {
        guard users.flags[first].contains(.exported) && users.flags[second].contains(.exported) else { return nil }
        if users.roles[first] == .guardian && users.roles[second] == .student {
            return UInt64(first) << 32 | UInt64(second)
        }
        guard users.roles[second] == .guardian && users.roles[first] == .student else { return nil }
        return UInt64(second) << 32 | UInt64(first)
    }
}
