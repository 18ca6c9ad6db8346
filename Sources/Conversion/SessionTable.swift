internal import CSV
internal import OneRoster

/// The academic sessions, and which term a class gets from its list of them.
struct SessionTable: ~Copyable {
    /// What a list of sessions comes to.
    struct Resolution {
        /// The term's session, or -1.
        var term = -1
        /// The text to write as term when the session came with an earlier package.
        var earlierID = ""
        /// Whether a session of the list is not in the package.
        var isMissing = false
        /// Whether one of several was chosen.
        var isChosen = false
        /// The list's own first and last day, when the chosen term is not simply one of the list.
        var start: CalendarDay?
        var end: CalendarDay?
    }

    /// Terms of one list that are weighed against each other; no class has more.
    private static let candidateLimit = 100

    private struct Session {
        var title: String
        var isGradingPeriod: Bool
        var start: CalendarDay?
        var end: CalendarDay?
        var schoolYear: String
        var parentID: String
        var isDeleted: Bool
        var isUsed = false
        var isUsedByActive = false
    }

    private var entities: EntityRows
    private var sessions: [Session] = []
    private var parents: [Int] = []
    private var ranks: [Int] = []
    private var lists = IdentityTable()
    private var resolutions: [Resolution] = []
    private let run: ConversionRun

    init(_ run: ConversionRun) throws {
        self.run = run
        entities = EntityRows(expecting: run.snapshot.table(.academicSessions)?.rows ?? 0)
        try read()
        try link()
    }

    private mutating func read() throws {
        guard var reader = try run.reader(.academicSessions) else { return }
        let header = reader.header
        let id = header.position(of: .sourcedId)
        let modified = header.position(of: .dateLastModified)
        while try reader.next(run.ledger) {
            let admission = try entities.admit(reader, id: id, modified: modified, run.ledger)
            if case .refused = admission { continue }
            let session = try session(reader)
            switch admission {
            case .new: sessions.append(session)
            case .replacing(let index): sessions[index] = session
            case .refused: break
            }
        }
    }

    private func session(_ reader: borrowing TableReader) throws -> Session {
        let (header, order) = (reader.header, run.rules.dateOrder)
        var start = try reader.day(header.position(of: .startDate), .startDate, run.ledger, order)
        var end = try reader.day(header.position(of: .endDate), .endDate, run.ledger, order)
        if let first = start, let last = end, last < first {
            let message = "The session ends before it starts; it has no dates."
            try run.ledger.note(
                .academicSessions, row: reader.row, .sessionEndBeforeStart, .warning, id: reader.sourcedID,
                field: .endDate, message)
            start = nil
            end = nil
        }
        let type = reader.field(header.position(of: .type)).string
        let isExact = ["gradingPeriod", "semester", "term", "schoolYear"].contains(type)
        if !isExact && header.has(.type) {
            let isCase = ["gradingperiod", "semester", "term", "schoolyear"].contains(type.lowercased())
            try run.ledger.note(
                .academicSessions, row: reader.row, isCase ? .valueEnumCase : .valueEnumUnknown, .warning,
                id: reader.sourcedID, field: .type,
                isCase ? "The word's form is not the standard's." : "The type is unknown; read as term.")
        }
        return Session(
            title: reader.field(header.position(of: .title)).string,
            isGradingPeriod: type.lowercased() == "gradingperiod", start: start, end: end,
            schoolYear: reader.field(header.position(of: .schoolYear)).string,
            parentID: reader.field(header.position(of: .parentSourcedId)).string,
            isDeleted: try reader.isDeleted(header.position(of: .status), run.ledger))
    }

    private mutating func link() throws {
        for index in sessions.indices {
            var parentID = sessions[index].parentID
            let parent = parentID.isEmpty ? -1 : parentID.withByteView { entities.ids.find($0) }
            parents.append(parent)
            if parent < 0 && !parentID.isEmpty && run.isComplete(.academicSessions) {
                let message = "The parent \(parentID.prefix(255)) is not in the package."
                try note(index, .refSessionMissing, .warning, message)
            }
        }
        ranks = ParentLinks.ranks(entities.ids.sortedOrder())
        for index in ParentLinks.cutCycles(&parents, rank: ranks) {
            try note(index, .sessionCycle, .error, "Its parents lead back to itself; it has none now.")
        }
    }

    private func note(
        _ index: Int, _ code: RosterIssueCode, _ severity: RosterIssue.Severity, _ message: String,
        _ outcome: RosterIssue.Outcome = .kept
    ) throws {
        let id = entities.ids.bytes(of: index).string
        try run.ledger.note(.academicSessions, row: Int(entities.rows[index]), code, severity, id: id, message, outcome)
    }
}

extension SessionTable {
    /// Finds the term for a class's list of sessions; each different list is thought about once.
    ///
    /// - Returns: the resolution's number for ``resolution(_:)``.
    mutating func resolve(_ list: ByteView) -> Int {
        let (index, isNew) = lists.insert(list)
        if isNew { resolutions.append(think(list.string)) }
        return index
    }

    /// What a list came to.
    func resolution(_ index: Int) -> Resolution { resolutions[index] }

    /// Notes that an exported class uses a term.
    mutating func use(_ index: Int, byActiveClass isActive: Bool) {
        let term = resolutions[index].term
        guard term >= 0 else { return }
        sessions[term].isUsed = true
        sessions[term].isUsedByActive = sessions[term].isUsedByActive || isActive
    }

    /// The id to write as term; empty for Canvas's default term.
    func termID(_ index: Int) -> String {
        let resolution = resolutions[index]
        return resolution.term >= 0 ? entities.ids.bytes(of: resolution.term).string : resolution.earlierID
    }

    /// First and last day of the term itself.
    func termDates(_ index: Int) -> (start: CalendarDay?, end: CalendarDay?) {
        let term = resolutions[index].term
        return term >= 0 ? (sessions[term].start, sessions[term].end) : (nil, nil)
    }

    private func think(_ text: String) -> Resolution {
        var result = Resolution()
        var own: [Int] = []
        for part in text.split(separator: ",") {
            var id = String(part.drop { $0 == " " })
            while id.last == " " { id.removeLast() }
            let index = id.withByteView { entities.ids.find($0) }
            if index >= 0 {
                own.append(index)
            } else if !id.isEmpty {
                result.isMissing = result.isMissing || run.isComplete(.academicSessions)
                if !run.isComplete(.academicSessions) && run.mayReferToEarlier(.classes) && result.earlierID.isEmpty {
                    result.earlierID = id
                }
            }
        }
        var candidates: [Int] = []
        for index in own {
            let term = climb(index)
            if term >= 0 && candidates.count < Self.candidateLimit && !candidates.contains(term) {
                candidates.append(term)
            }
        }
        guard candidates.count > 1 else {
            result.term = candidates.first ?? -1
            return result
        }
        result.isChosen = true
        if let enclosing = candidates.first(where: { outer in candidates.allSatisfy { encloses(outer, $0) } }) {
            result.term = enclosing
            return result
        }
        result.term = commonAncestor(candidates) ?? longest(candidates)
        result.start = own.compactMap { sessions[$0].start }.min()
        result.end = own.compactMap { sessions[$0].end }.max()
        return result
    }

    /// The session itself, or for a grading period its first ancestor that can be a term.
    private func climb(_ index: Int) -> Int {
        var node = index
        while node >= 0 && sessions[node].isGradingPeriod { node = parents[node] }
        return node
    }

    private func encloses(_ outer: Int, _ inner: Int) -> Bool {
        if outer == inner || isAncestor(outer, of: inner) { return true }
        guard let outerStart = sessions[outer].start, let outerEnd = sessions[outer].end,
            let innerStart = sessions[inner].start, let innerEnd = sessions[inner].end
        else { return false }
        return outerStart <= innerStart && outerEnd >= innerEnd
            && (outerStart, outerEnd) != (innerStart, innerEnd)
    }

    private func isAncestor(_ outer: Int, of inner: Int) -> Bool {
        var node = parents[inner]
        while node >= 0 && node != outer { node = parents[node] }
        return node >= 0
    }

    private func commonAncestor(_ candidates: [Int]) -> Int? {
        guard let first = candidates.first else { return nil }
        var node = parents[first]
        while node >= 0 {
            if !sessions[node].isGradingPeriod && candidates.allSatisfy({ isAncestor(node, of: $0) }) { return node }
            node = parents[node]
        }
        return nil
    }

    private func longest(_ candidates: [Int]) -> Int {
        func days(_ index: Int) -> Int32 {
            guard let start = sessions[index].start, let end = sessions[index].end else { return -1 }
            return end.number - start.number
        }
        return candidates.min { (-days($0), ranks[$0]) < (-days($1), ranks[$1]) } ?? -1
    }
}

extension SessionTable {
    /// Writes `terms.csv` by id.
    mutating func write() throws {
        guard run.snapshot.table(.academicSessions) != nil else { return }
        let order = entities.ids.sortedOrder().map { Int($0) }
        let exported = order.filter { isExported($0) }
        let names = names(of: exported)
        for index in order where !isExported(index) {
            let why = sessions[index].isGradingPeriod ? "Grading periods are no terms." : "No exported class uses it."
            try note(index, .sessionNotExported, .notice, why, .skipped)
        }
        let columns = ["term_id", "name", "status", "start_date", "end_date"]
        try run.write("terms.csv", columns: columns) { writer in
            for index in exported { try write(index, name: names[index] ?? "", &writer) }
        }
        run.ledger.converted(.academicSessions, exported.count)
    }

    private func isExported(_ index: Int) -> Bool {
        !sessions[index].isGradingPeriod && (run.rules.termChoice == .all || sessions[index].isUsed)
    }

    private func write(_ index: Int, name: String, _ writer: inout CSVWriter) throws {
        let session = sessions[index]
        try writer.field(entities.ids.bytes(of: index))
        try writer.field(name)
        if session.isDeleted && session.isUsedByActive {
            try note(index, .sessionDeleteKept, .warning, "It is marked to be deleted, but an active class uses it.")
        }
        try writer.plain(session.isDeleted && !session.isUsedByActive ? "deleted" : "active")
        try writer.field(session.start.map { run.calendar.start(of: $0) } ?? "")
        try writer.field(session.end.map { run.calendar.end(at: $0) } ?? "")
        try writer.endRecord()
    }

    /// Titles, told apart by school year and then by id where several terms share one.
    private func names(of exported: [Int]) -> [Int: String] {
        func id(_ index: Int) -> String { entities.ids.bytes(of: index).string }
        let titles = Dictionary(exported.map { ($0, sessions[$0].title) }, uniquingKeysWith: { first, _ in first })
        func shared(_ names: [Int: String]) -> Set<String> {
            Set(Dictionary(grouping: names.values, by: \.self).filter { $0.value.count > 1 }.keys)
        }
        let sharedTitles = shared(titles)
        var names = titles
        for index in exported where sharedTitles.contains(sessions[index].title) && !sessions[index].schoolYear.isEmpty
        {
            names[index] = sessions[index].title + " " + sessions[index].schoolYear
        }
        let stillShared = shared(names)
        for index in exported {
            if let name = names[index], stillShared.contains(name) || name.isEmpty {
                names[index] = name.isEmpty ? id(index) : name + " (" + id(index) + ")"
            }
        }
        return names
    }
}
