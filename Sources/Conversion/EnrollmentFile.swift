internal import CSV
internal import OneRoster

/// Writes `enrollments.csv` in the order of class, user and role.
struct EnrollmentFile: ~Copyable {
    private static let columns = ["course_id", "section_id", "user_id", "role", "status", "start_date", "end_date"]

    private let run: ConversionRun
    private let classOrder: [UInt32]
    private let userOrder: [UInt32]
    private var prefix: String
    private var taught: [Bool]
    private var attended: [Bool]
    private var primaries: [UInt8]
    private var writtenRows = 0
    private var ids: EnrollmentIDs?

    init(_ run: ConversionRun, classOrder: [UInt32], userOrder: [UInt32]) {
        self.run = run
        self.classOrder = classOrder
        self.userOrder = userOrder
        prefix = run.rules.userIDPrefix
        taught = [Bool](repeating: false, count: classOrder.count)
        attended = taught
        primaries = [UInt8](repeating: 0, count: classOrder.count)
    }

    /// Writes the file, names what is not written, and then what classes lack.
    mutating func write(
        _ records: borrowing EnrollmentTable, order: [UInt32]?, classes: borrowing ClassTable,
        users: borrowing UserTable, sessions: borrowing SessionTable
    ) throws {
        guard run.snapshot.table(.enrollments) != nil else { return }
        let (run, all) = (run, records.records)
        ids = records.ids
        try run.write("enrollments.csv", columns: Self.columns) { writer in
            var start = 0
            func record(_ place: Int) -> EnrollmentRecord { all[order.map { Int($0[place]) } ?? place] }
            while start < all.count {
                let first = record(start)
                var end = start + 1
                while end < all.count && record(end).key == first.key { end += 1 }
                if end == start + 1 {
                    try take(first, classes, users, sessions, &writer)
                } else {
                    let result = EnrollmentMerging.resolve((start..<end).map(record), on: run.day)
                    for (record, reason) in result.dropped { try name(record, reason) }
                    for record in result.kept { try take(record, classes, users, sessions, &writer) }
                }
                start = end
            }
        }
        run.ledger.converted(.enrollments, writtenRows)
        if run.isComplete(.enrollments) { try nameGaps(classes) }
    }

    private func name(_ record: EnrollmentRecord, _ reason: EnrollmentMerging.Reason) throws {
        switch reason {
        case .merged:
            try note(
                record, .enrollmentDuplicate, .notice, "Another row of the same user, class and role covers it.",
                .merged)
        case .outweighed:
            try note(
                record, .enrollmentDuplicate, .notice, "Another row of the same user, class and role counts.", .skipped)
        case .teaches:
            try note(
                record, .enrollmentRoleConflict, .warning, "The user teaches this class; teacher counts.", .skipped)
        }
    }

    private func note(
        _ record: EnrollmentRecord, _ code: RosterIssueCode, _ severity: RosterIssue.Severity, _ message: String,
        _ outcome: RosterIssue.Outcome
    ) throws {
        let id = try ids?.id(ofRow: Int(record.row)) ?? ""
        try run.ledger.note(.enrollments, row: Int(record.row), code, severity, id: id, message, outcome)
    }

    private mutating func take(
        _ record: EnrollmentRecord, _ classes: borrowing ClassTable, _ users: borrowing UserTable,
        _ sessions: borrowing SessionTable, _ writer: inout CSVWriter
    ) throws {
        let classIndex = Int(classOrder[Int(record.classRank)])
        let user = Int(userOrder[Int(record.userRank)])
        guard users.flags[user].contains(.exported) || users.flags[user].contains(.earlier) else {
            return try note(
                record, .enrollmentUserNotExported, .error, "Its user was not exported; see the user's own issue.",
                .skipped)
        }
        var status: StaticString = "active"
        if record.isDeleted {
            status = run.rules.droppedEnrollment == .deleted ? "deleted" : "inactive"
        } else if let end = record.endDay, run.calendar.isOver(end, on: run.day) {
            status = "completed"
        } else if let begin = record.beginDay, begin > run.day, record.endDay == nil {
            let message = "It begins later and has no end; it is written on its day."
            return try note(record, .enrollmentNotStarted, .notice, message, .skipped)
        }
        let id = classes.id(of: classIndex)
        try writer.field(id)
        try writer.field(id)
        try writer.identifier(prefix: &prefix, users.id(of: user))
        try writer.plain(record.role.text)
        try writer.plain(status)
        try writeDates(record, list: classes.sessions(classIndex), sessions, &writer)
        try writer.endRecord()
        writtenRows += 1
        guard !record.isDeleted else { return }
        taught[classIndex] = taught[classIndex] || record.role == .teacher
        attended[classIndex] = attended[classIndex] || record.role == .student
        if record.isPrimary && primaries[classIndex] < 2 { primaries[classIndex] += 1 }
    }

    /// Both dates or none: Canvas looks at them only together. Those of the term itself say nothing new.
    private func writeDates(
        _ record: EnrollmentRecord, list: Int, _ sessions: borrowing SessionTable, _ writer: inout CSVWriter
    ) throws {
        guard let begin = record.beginDay, let end = record.endDay else {
            try writer.blank()
            return try writer.blank()
        }
        let (start, last) = list >= 0 ? sessions.termDates(list) : (nil, nil)
        guard start != begin || last != end else {
            try writer.blank()
            return try writer.blank()
        }
        try writer.field(run.calendar.start(of: begin))
        try writer.field(run.calendar.end(at: end))
    }

    private func nameGaps(_ classes: borrowing ClassTable) throws {
        for index in classOrder.lazy.map({ Int($0) }) where classes.isWritten(index) && !classes.isDeleted(index) {
            func note(_ code: RosterIssueCode, _ severity: RosterIssue.Severity, _ message: String) throws {
                let id = classes.id(of: index).string
                try run.ledger.note(.classes, row: classes.row(index), code, severity, id: id, message)
            }
            if !taught[index] { try note(.classNoTeacher, .notice, "No teacher is enrolled.") }
            if !attended[index] { try note(.classNoStudent, .notice, "No student is enrolled.") }
            if primaries[index] > 1 {
                try note(.enrollmentSeveralPrimary, .warning, "Several teachers are primary; all are kept.")
            }
        }
    }
}
