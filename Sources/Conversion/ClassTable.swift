internal import CSV
internal import OneRoster

/// The classes. Each becomes a Canvas course with one section, both under the class's id.
struct ClassTable: ~Copyable {
    private struct Class {
        var title = TextArena.Slice()
        var code = TextArena.Slice()
        var account = TextArena.Slice()
        var course: Int32 = -1
        /// The number of the list of sessions, or -1.
        var sessions: Int32 = -1
        var isDeleted = false
        /// Not in this package: an enrolment of a delta refers to it.
        var isEarlier = false
        /// Left out by the rules.
        var isRefused = false
    }

    private struct Columns {
        let id, modified, title, code, course, school, terms, type, status: Int

        init(_ header: RosterHeader) {
            id = header.position(of: .sourcedId)
            modified = header.position(of: .dateLastModified)
            title = header.position(of: .title)
            code = header.position(of: .classCode)
            course = header.position(of: .courseSourcedId)
            school = header.position(of: .schoolSourcedId)
            terms = header.position(of: .termSourcedIds)
            type = header.position(of: .classType)
            status = header.position(of: .status)
        }
    }

    private var entities: EntityRows
    private var classes: [Class] = []
    private var texts = TextArena()
    private let run: ConversionRun

    init(
        _ run: ConversionRun, orgs: borrowing OrgTable, courses: inout CourseTable, sessions: inout SessionTable
    ) throws {
        self.run = run
        entities = EntityRows(expecting: run.snapshot.table(.classes)?.rows ?? 0)
        try read(orgs, &courses, &sessions)
        for index in classes.indices where !classes[index].isRefused {
            if classes[index].course >= 0 { courses.use(Int(classes[index].course)) }
            let list = Int(classes[index].sessions)
            if list >= 0 { sessions.use(list, byActiveClass: !classes[index].isDeleted) }
        }
    }

    /// How many, those of earlier packages among them.
    var count: Int { entities.count }

    /// A class's number, or -1.
    func find(_ id: ByteView) -> Int { entities.ids.find(id) }

    /// Its id.
    func id(of index: Int) -> ByteView { entities.ids.bytes(of: index) }

    /// Whether it is to be deleted.
    func isDeleted(_ index: Int) -> Bool { classes[index].isDeleted }

    /// Whether this package has it and the rules export it.
    func isWritten(_ index: Int) -> Bool { !classes[index].isEarlier && !classes[index].isRefused }

    /// Whether enrolments may name it.
    func isKnownToCanvas(_ index: Int) -> Bool { !classes[index].isRefused }

    /// The number of its list of sessions, or -1.
    func sessions(_ index: Int) -> Int { Int(classes[index].sessions) }

    /// The row it stands in.
    func row(_ index: Int) -> Int { Int(entities.rows[index]) }

    /// The numbers in the order of ids.
    func sortedOrder() -> [UInt32] { entities.ids.sortedOrder() }

    /// Takes in a class that an earlier package brought.
    mutating func admitEarlier(_ id: ByteView) -> Int {
        let (index, isNew) = entities.admitEarlier(id)
        if isNew { classes.append(Class(isEarlier: true)) }
        return index
    }

    private mutating func read(
        _ orgs: borrowing OrgTable, _ courses: inout CourseTable, _ sessions: inout SessionTable
    ) throws {
        guard var reader = try run.reader(.classes) else { return }
        let columns = Columns(reader.header)
        while try reader.next(run.ledger) {
            let admission = try entities.admit(reader, id: columns.id, modified: columns.modified, run.ledger)
            if case .refused = admission { continue }
            let found = try read(reader, columns, orgs, courses, &sessions)
            switch admission {
            case .new: classes.append(found)
            case .replacing(let index): classes[index] = found
            case .refused: break
            }
        }
    }

    private mutating func read(
        _ reader: borrowing TableReader, _ columns: Columns, _ orgs: borrowing OrgTable,
        _ courses: borrowing CourseTable, _ sessions: inout SessionTable
    ) throws -> Class {
        var found = Class(
            title: texts.store(reader.field(columns.title)), code: texts.store(reader.field(columns.code)))
        let id = reader.field(columns.id).string
        found.isDeleted = try reader.isDeleted(columns.status, run.ledger)
        let course = reader.field(columns.course)
        found.course = Int32(course.isEmpty ? -1 : courses.find(course))
        if !course.isEmpty && found.course < 0 && !run.mayReferToEarlier(.classes) {
            let message = "The course \(course.string.prefix(255)) is not in the package; the class's own fields serve."
            try run.ledger.note(
                .classes, row: reader.row, .refCourseMissing, .warning, id: id, field: .courseSourcedId, message)
        }
        found.account = try account(reader, columns, orgs, courses, course: Int(found.course), id: id)
        try readSessions(reader, columns, &sessions, &found, id: id)
        let type = reader.field(columns.type)
        if !type.isEmpty && !type.equals("scheduled") && !type.equals("homeroom") {
            let isKnown = type.equalsFolded("scheduled") || type.equalsFolded("homeroom")
            let message = isKnown ? "The word's form is not the standard's." : "The type is unknown; read as scheduled."
            try run.ledger.note(
                .classes, row: reader.row, isKnown ? .valueEnumCase : .valueEnumUnknown, .warning, id: id,
                field: .classType, message)
        }
        found.isRefused = type.equalsFolded("homeroom") && !run.rules.exportHomerooms
        return found
    }

    /// The account: the class's school if that is one, else the course's, else blank, which is Canvas's root account.
    private mutating func account(
        _ reader: borrowing TableReader, _ columns: Columns, _ orgs: borrowing OrgTable,
        _ courses: borrowing CourseTable, course: Int, id: String
    ) throws -> TextArena.Slice {
        let field = reader.field(columns.school)
        let school = field.isEmpty ? -1 : orgs.find(field)
        if orgs.isExported(school) { return texts.store(orgs.id(of: school)) }
        let isLost = school < 0 && !field.isEmpty
        if isLost && !run.isComplete(.orgs) && run.mayReferToEarlier(.classes) { return texts.store(field) }
        if isLost || (field.isEmpty && columns.school >= 0) {
            let message =
                field.isEmpty
                ? "The class has no school; it goes to the root account."
                : "The school \(field.string.prefix(255)) is not in the package; the class goes to the root account."
            try run.ledger.note(
                .classes, row: reader.row, .refOrgMissing, .warning, id: id, field: .schoolSourcedId, message)
        }
        let org = course >= 0 ? courses.org(course) : -1
        return orgs.isExported(org) ? texts.store(orgs.id(of: org)) : TextArena.Slice()
    }

    private func readSessions(
        _ reader: borrowing TableReader, _ columns: Columns, _ sessions: inout SessionTable, _ found: inout Class,
        id: String
    ) throws {
        let list = reader.field(columns.terms)
        let number = sessions.resolve(list)
        found.sessions = Int32(number)
        let resolution = sessions.resolution(number)
        func note(_ code: RosterIssueCode, _ severity: RosterIssue.Severity, _ message: String) throws {
            try run.ledger.note(
                .classes, row: reader.row, code, severity, id: id, field: .termSourcedIds, message)
        }
        if resolution.isMissing {
            try note(.refSessionMissing, .warning, "A session of the class is not in the package.")
        }
        if resolution.isChosen {
            try note(.classManyTerms, .notice, "The class has several terms; \(sessions.termID(number)) was taken.")
        } else if resolution.term < 0 && resolution.earlierID.isEmpty {
            try note(.classNoTerm, .warning, "The class has no term; Canvas puts it into its default term.")
        }
    }
}

extension ClassTable {
    private static let courseColumns = [
        "course_id", "short_name", "long_name", "account_id", "term_id", "status", "start_date", "end_date",
    ]

    /// Writes `courses.csv` and `sections.csv`, both in the order of ids.
    func write(_ order: [UInt32], courses: borrowing CourseTable, sessions: borrowing SessionTable) throws {
        guard run.snapshot.table(.classes) != nil else { return }
        try run.write("courses.csv", columns: Self.courseColumns) { writer in
            for index in order.lazy.map({ Int($0) }) where !classes[index].isEarlier {
                if classes[index].isRefused {
                    try run.ledger.note(
                        .classes, row: row(index), .classNotExported, .notice, id: id(of: index).string,
                        "Homerooms are left out by the rules.", .skipped)
                } else {
                    try writeCourse(index, courses, sessions, &writer)
                }
            }
        }
        try run.write("sections.csv", columns: ["section_id", "course_id", "name", "status"]) { writer in
            for index in order.lazy.map({ Int($0) }) where isWritten(index) {
                try writer.field(id(of: index))
                try writer.field(id(of: index))
                try writer.field(name(index, courses))
                try writer.plain(classes[index].isDeleted ? "deleted" : "active")
                try writer.endRecord()
                run.ledger.converted(.classes)
            }
        }
    }

    private func writeCourse(
        _ index: Int, _ courses: borrowing CourseTable, _ sessions: borrowing SessionTable, _ writer: inout CSVWriter
    ) throws {
        let found = classes[index]
        let name = name(index, courses)
        var code = texts.bytes(found.code)
        if code.isEmpty && found.course >= 0 { code = courses.code(Int(found.course)) }
        try writer.field(id(of: index))
        try writer.field(code.isEmpty ? name : code)
        try writer.field(name)
        try writer.field(texts.bytes(found.account))
        try writer.field(sessions.termID(Int(found.sessions)))
        if found.isDeleted {
            try writer.plain(run.rules.deletedClass == .deleted ? "deleted" : "completed")
        } else {
            try writer.plain(run.rules.courseStatus == .published ? "published" : "active")
        }
        let resolution = sessions.resolution(Int(found.sessions))
        try writer.field(resolution.start.map { run.calendar.start(of: $0) } ?? "")
        try writer.field(resolution.end.map { run.calendar.end(at: $0) } ?? "")
        try writer.endRecord()
    }

    /// The class's title, else the course's, else the id: Canvas takes no course without a name.
    private func name(_ index: Int, _ courses: borrowing CourseTable) -> ByteView {
        let title = texts.bytes(classes[index].title)
        if !title.isEmpty { return title }
        let course = Int(classes[index].course)
        let other = course >= 0 ? courses.title(course) : title
        return other.isEmpty ? id(of: index) : other
    }
}
