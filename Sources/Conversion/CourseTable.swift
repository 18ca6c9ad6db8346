internal import CSV
internal import OneRoster

/// The courses: where classes look for what they lack.
struct CourseTable: ~Copyable {
    private struct Course {
        var title: TextArena.Slice
        var code: TextArena.Slice
        var org: Int32
        var isUsed = false
    }

    private var entities: EntityRows
    private var courses: [Course] = []
    private var texts = TextArena()
    private let run: ConversionRun

    init(_ run: ConversionRun, orgs: borrowing OrgTable) throws {
        self.run = run
        entities = EntityRows(expecting: run.snapshot.table(.courses)?.rows ?? 0)
        try read(orgs)
    }

    /// A course's number, or -1.
    func find(_ id: ByteView) -> Int { entities.ids.find(id) }

    /// Notes that a class uses it.
    mutating func use(_ index: Int) { courses[index].isUsed = true }

    /// Its title; valid while the table is.
    func title(_ index: Int) -> ByteView { texts.bytes(courses[index].title) }

    /// Its code; valid while the table is.
    func code(_ index: Int) -> ByteView { texts.bytes(courses[index].code) }

    /// Its organisation's number, or -1.
    func org(_ index: Int) -> Int { Int(courses[index].org) }

    private mutating func read(_ orgs: borrowing OrgTable) throws {
        guard var reader = try run.reader(.courses) else { return }
        let header = reader.header
        let (id, modified) = (header.position(of: .sourcedId), header.position(of: .dateLastModified))
        let (title, code) = (header.position(of: .title), header.position(of: .courseCode))
        let (org, status) = (header.position(of: .orgSourcedId), header.position(of: .status))
        while try reader.next(run.ledger) {
            let admission = try entities.admit(reader, id: id, modified: modified, run.ledger)
            if case .refused = admission { continue }
            _ = try reader.isDeleted(status, run.ledger)
            let course = Course(
                title: texts.store(reader.field(title)), code: texts.store(reader.field(code)),
                org: Int32(orgs.find(reader.field(org))))
            switch admission {
            case .new: courses.append(course)
            case .replacing(let index): courses[index] = course
            case .refused: break
            }
        }
    }

    /// Names the courses that no class uses and counts the others.
    func settle() throws {
        for index in courses.indices {
            if courses[index].isUsed {
                run.ledger.converted(.courses)
                continue
            }
            let id = entities.ids.bytes(of: index).string
            try run.ledger.note(
                .courses, row: Int(entities.rows[index]), .courseUnused, .notice, id: id,
                "No exported class uses it, so it gives no Canvas course.", .skipped)
        }
    }
}
