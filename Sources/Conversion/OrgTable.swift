internal import CSV
internal import OneRoster

/// The organisations and which of them become accounts.
struct OrgTable: ~Copyable {
    private enum Kind {
        case school
        case department
        /// District, local, state, national.
        case upper
    }

    private struct Org {
        var name: String
        var kind: Kind
        var parentID: String
        var isDeleted: Bool
        var isExported = false
    }

    private var entities: EntityRows
    private var orgs: [Org] = []
    private var parents: [Int] = []
    private let run: ConversionRun

    /// Reads the table; without one all questions are answered with no.
    init(_ run: ConversionRun) throws {
        self.run = run
        entities = EntityRows(expecting: run.snapshot.table(.orgs)?.rows ?? 0)
        try read()
        try link()
        choose()
    }

    /// An organisation's number, or -1.
    func find(_ id: ByteView) -> Int { entities.ids.find(id) }

    /// Whether it becomes an account.
    func isExported(_ index: Int) -> Bool { index >= 0 && orgs[index].isExported }

    /// Its id.
    func id(of index: Int) -> ByteView { entities.ids.bytes(of: index) }

    private mutating func read() throws {
        guard var reader = try run.reader(.orgs) else { return }
        let header = reader.header
        let (id, status) = (header.position(of: .sourcedId), header.position(of: .status))
        let (name, type) = (header.position(of: .name), header.position(of: .type))
        let parent = header.position(of: .parentSourcedId)
        let modified = header.position(of: .dateLastModified)
        while try reader.next(run.ledger) {
            let admission = try entities.admit(reader, id: id, modified: modified, run.ledger)
            if case .refused = admission { continue }
            let org = Org(
                name: reader.field(name).string,
                kind: try kind(reader, reader.field(type), hasParent: !reader.field(parent).isEmpty),
                parentID: reader.field(parent).string, isDeleted: try reader.isDeleted(status, run.ledger))
            switch admission {
            case .new: orgs.append(org)
            case .replacing(let index): orgs[index] = org
            case .refused: break
            }
        }
    }

    private func kind(_ reader: borrowing TableReader, _ field: ByteView, hasParent: Bool) throws -> Kind {
        if let kind = Self.standard[field.string] { return kind }
        let folded = field.string.lowercased()
        if let kind = Self.standard[folded] {
            let message = "The word's form is not the standard's."
            try run.ledger.note(
                .orgs, row: reader.row, .valueEnumCase, .warning, id: reader.sourcedID, field: .type, message)
            return kind
        }
        if let mapped = run.rules.orgMap[folded], let kind = Self.standard[mapped.lowercased()] {
            let message = "The type is not of the standard; read as \(mapped)."
            try run.ledger.note(
                .orgs, row: reader.row, .valueEnumUnknown, .warning, id: reader.sourcedID, field: .type, message)
            return kind
        }
        let message = "The type is unknown; read as \(hasParent ? "school" : "district")."
        try run.ledger.note(
            .orgs, row: reader.row, .orgTypeUnknown, .warning, id: reader.sourcedID, field: .type, message)
        return hasParent ? .school : .upper
    }

    private static let standard: [String: Kind] = [
        "school": .school, "department": .department, "district": .upper, "local": .upper, "state": .upper,
        "national": .upper,
    ]

    private mutating func link() throws {
        for index in orgs.indices {
            var parentID = orgs[index].parentID
            let parent = parentID.isEmpty ? -1 : parentID.withByteView { entities.ids.find($0) }
            parents.append(parent)
            if parent < 0 && !orgs[index].parentID.isEmpty && run.isComplete(.orgs) {
                let message =
                    "The parent \(orgs[index].parentID.prefix(255)) is not in the package; attached to the root."
                try note(index, .orgOrphan, .warning, message)
            }
        }
        for index in ParentLinks.cutCycles(&parents, rank: ParentLinks.ranks(entities.ids.sortedOrder())) {
            try note(index, .orgCycle, .error, "Its parents lead back to itself; it was attached to the root.")
        }
    }

    /// The root account itself: named by the rules, or the only one above schools that has no parent.
    private var root: Int {
        if var named = run.rules.rootOrg { return named.withByteView { entities.ids.find($0) } }
        let tops = orgs.indices.filter { parents[$0] < 0 && orgs[$0].kind == .upper }
        return tops.count == 1 ? tops[0] : -1
    }

    private mutating func choose() {
        let root = root
        var hasSchools = [Bool](repeating: false, count: orgs.count)
        for index in orgs.indices {
            let isDepartment = orgs[index].kind == .department && run.rules.exportDepartments
            guard index != root && (orgs[index].kind == .school || isDepartment) else { continue }
            orgs[index].isExported = true
            var above = parents[index]
            while above >= 0 && !hasSchools[above] {
                hasSchools[above] = true
                above = parents[above]
            }
        }
        for index in orgs.indices where orgs[index].kind == .upper {
            orgs[index].isExported = hasSchools[index] && index != root
        }
    }

    private func note(
        _ index: Int, _ code: RosterIssueCode, _ severity: RosterIssue.Severity, _ message: String,
        _ outcome: RosterIssue.Outcome = .kept
    ) throws {
        let id = entities.ids.bytes(of: index).string
        try run.ledger.note(.orgs, row: Int(entities.rows[index]), code, severity, id: id, message, outcome)
    }
}

extension OrgTable {
    /// Writes `accounts.csv`: parents first, then by id.
    func write() throws {
        guard run.snapshot.table(.orgs) != nil else { return }
        var depths = [Int](repeating: -1, count: orgs.count)
        for index in orgs.indices { measure(index, &depths) }
        let order = entities.ids.sortedOrder().map { Int($0) }
        let places = order.enumerated().sorted { (depths[$0.element], $0.offset) < (depths[$1.element], $1.offset) }
        try run.write("accounts.csv", columns: ["account_id", "parent_account_id", "name", "status"]) { writer in
            for (_, index) in places { try write(index, &writer) }
        }
    }

    private func write(_ index: Int, _ writer: inout CSVWriter) throws {
        let org = orgs[index]
        guard org.isExported else {
            let message =
                parents[index] < 0 ? "It is Canvas's root account, or has no schools." : "Its type gives no account."
            return try note(index, .orgNotExported, .notice, message, .skipped)
        }
        var status: StaticString = "active"
        if org.isDeleted && run.rules.deletedAccount == .deleted { status = "deleted" }
        if org.isDeleted && run.rules.deletedAccount == .keep {
            try note(index, .orgDeleteKept, .warning, "It is marked to be deleted; the account is kept.")
        }
        try writer.field(entities.ids.bytes(of: index))
        var above = parents[index]
        while above >= 0 && !orgs[above].isExported { above = parents[above] }
        if above >= 0 { try writer.field(entities.ids.bytes(of: above)) } else { try writer.blank() }
        try org.name.isEmpty ? writer.field(entities.ids.bytes(of: index)) : writer.field(org.name)
        try writer.plain(status)
        try writer.endRecord()
        run.ledger.converted(.orgs)
    }

    /// How many organisations stand above one; found on the way up and noted on the way down, without recursion.
    private func measure(_ index: Int, _ depths: inout [Int]) {
        var path: [Int] = []
        var node = index
        while node >= 0 && depths[node] < 0 {
            path.append(node)
            node = parents[node]
        }
        var depth = node >= 0 ? depths[node] + 1 : 0
        for place in path.reversed() {
            depths[place] = depth
            depth += 1
        }
    }
}
