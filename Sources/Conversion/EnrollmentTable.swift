internal import CSV
internal import OneRoster

/// Reads the enrolments into compact records and puts them into the order of class and user.
///
/// They are by far the most rows, so this is the loop whose cost counts: two lookups, the first of them mostly saved
/// because files keep a class's rows together, and one append of 24 bytes. Sorting the records in memory is what gives
/// a stable order of output and lays duplicates side by side; six million are 144 MB. Writing sorted runs to disk
/// instead was considered and is not worth it below some fifteen million enrolments in 512 MiB.
struct EnrollmentTable: ~Copyable {
    private struct Columns {
        let id, status, classID, userID, role, primary, begin, end: Int

        init(_ header: RosterHeader) {
            // Some sources give enrolments no ids; then the user stands for it in issues.
            id = header.position(of: header.has(.sourcedId) ? .sourcedId : .userSourcedId)
            status = header.position(of: .status)
            classID = header.position(of: .classSourcedId)
            userID = header.position(of: .userSourcedId)
            role = header.position(of: .role)
            primary = header.position(of: .primary)
            begin = header.position(of: .beginDate)
            end = header.position(of: .endDate)
        }
    }

    private let run: ConversionRun
    private(set) var records: [EnrollmentRecord] = []
    private(set) var ids: EnrollmentIDs?
    private var lastClass = -1

    init(_ run: ConversionRun, classes: inout ClassTable, users: inout UserTable) throws {
        self.run = run
        guard var reader = try run.reader(.enrollments) else { return }
        // The exact number is known, so the block is taken once; pages that are never touched cost nothing.
        records.reserveCapacity(min(run.snapshot.table(.enrollments)?.rows ?? 0, 1 << 26))
        let columns = Columns(reader.header)
        if let table = run.snapshot.table(.enrollments), columns.id >= 0 {
            ids = try EnrollmentIDs(path: run.snapshot.path(of: table), column: columns.id)
        }
        while try reader.next(run.ledger) {
            ids?.pass(row: reader.row, offset: reader.place.offset)
            try take(reader, columns, &classes, &users)
        }
    }

    /// Puts the records into order, numbers having become places.
    ///
    /// The records stay where they are; what is sorted are their numbers. They are first counted out by class, which
    /// takes two passes, and then sorted within each class, which is small: half the time and a third of the memory of
    /// sorting them all.
    ///
    /// - Returns: the records' positions in order; nil if they are in order already.
    mutating func sort(classRanks: [UInt32], userRanks: [UInt32]) -> [UInt32]? {
        var isSorted = true
        var previous: UInt64 = 0
        var starts = [Int](repeating: 0, count: classRanks.count + 1)
        for index in records.indices {
            let classRank = classRanks[Int(records[index].classRank)]
            records[index].classRank = classRank
            records[index].userRank = userRanks[Int(records[index].userRank)]
            starts[Int(classRank) + 1] += 1
            isSorted = isSorted && (index == 0 || records[index].key > previous)
            previous = records[index].key
        }
        guard !isSorted else { return nil }
        for rank in classRanks.indices { starts[rank + 1] += starts[rank] }
        var order = [UInt32](repeating: 0, count: records.count)
        var next = starts
        for index in records.indices {
            let rank = Int(records[index].classRank)
            order[next[rank]] = UInt32(truncatingIfNeeded: index)
            next[rank] += 1
        }
        let all = records
        for rank in classRanks.indices where starts[rank + 1] - starts[rank] > 1 {
            order[starts[rank]..<starts[rank + 1]].sort { EnrollmentRecord.precedes(all[Int($0)], all[Int($1)]) }
        }
        return order
    }

    private mutating func take(
        _ reader: borrowing TableReader, _ columns: Columns, _ classes: inout ClassTable, _ users: inout UserTable
    ) throws {
        let classID = reader.field(columns.classID)
        let userID = reader.field(columns.userID)
        guard !classID.isEmpty && !userID.isEmpty else {
            let column: RosterColumn = classID.isEmpty ? .classSourcedId : .userSourcedId
            return try skip(reader, columns, .valueRequired, .error, column, "The enrolment names no class or no user.")
        }
        guard let role = try role(reader, columns) else { return }
        guard let classIndex = try findClass(reader, columns, classID, &classes) else { return }
        guard let user = try findUser(reader, columns, userID, &users) else { return }
        var record = EnrollmentRecord(
            classRank: UInt32(classIndex), userRank: UInt32(user), row: UInt32(truncatingIfNeeded: reader.row),
            begin: try day(reader, columns.begin, .beginDate), end: try day(reader, columns.end, .endDate),
            role: role.role, isDeleted: try reader.isDeleted(columns.status, run.ledger), isPrimary: role.isPrimary)
        if record.begin != EnrollmentRecord.noDay && record.end != EnrollmentRecord.noDay && record.end < record.begin {
            record.begin = EnrollmentRecord.noDay
            record.end = EnrollmentRecord.noDay
            try remark(
                reader, columns, .enrollmentEndBeforeBegin, .endDate, "It ends before it begins; its dates are dropped."
            )
        }
        users.enroll(user)
        records.append(record)
    }

    private func day(_ reader: borrowing TableReader, _ position: Int, _ column: RosterColumn) throws -> Int32 {
        guard position >= 0 && !reader.field(position).isEmpty else { return EnrollmentRecord.noDay }
        return try reader.day(position, column, run.ledger, run.rules.dateOrder)?.number ?? EnrollmentRecord.noDay
    }

    private mutating func findClass(
        _ reader: borrowing TableReader, _ columns: Columns, _ id: ByteView, _ classes: inout ClassTable
    ) throws -> Int? {
        if lastClass >= 0 && classes.id(of: lastClass).hasSameBytes(as: id) { return lastClass }
        var index = classes.find(id)
        if index < 0 && reader.isDelta && !run.isComplete(.classes) { index = classes.admitEarlier(id) }
        guard index >= 0 else {
            let message = "The class \(id.string.prefix(255)) is not in the package."
            try skip(reader, columns, .refClassMissing, .error, .classSourcedId, message)
            return nil
        }
        guard classes.isKnownToCanvas(index) else {
            try skip(
                reader, columns, .classNotExported, .notice, .classSourcedId, "Its class is left out by the rules.")
            return nil
        }
        if classes.isDeleted(index) {
            let message = "Its class is marked to be deleted, which ends the enrolment with it."
            try skip(reader, columns, .refTargetDeleted, .notice, .classSourcedId, message)
            return nil
        }
        lastClass = index
        return index
    }

    private func findUser(
        _ reader: borrowing TableReader, _ columns: Columns, _ id: ByteView, _ users: inout UserTable
    ) throws -> Int? {
        var index = users.find(id)
        if index < 0 && reader.isDelta && !run.isComplete(.users) { index = users.admitEarlier(id) }
        guard index >= 0 else {
            let message = "The user \(id.string.prefix(255)) is not in the package."
            try skip(reader, columns, .refUserMissing, .error, .userSourcedId, message)
            return nil
        }
        guard !users.flags[index].contains(.deleted) else {
            let message = "Its user is marked to be deleted."
            try skip(reader, columns, .refTargetDeleted, .notice, .userSourcedId, message)
            return nil
        }
        return index
    }

    private func role(
        _ reader: borrowing TableReader, _ columns: Columns
    ) throws -> (role: CanvasRole, isPrimary: Bool)? {
        let field = reader.field(columns.role)
        if field.equals("student") { return (.student, false) }
        guard let (word, form) = RoleWord.read(field, map: run.rules.roleMap), word != .none else {
            let message = field.isEmpty ? "The role is blank." : "The role is unknown; name it in the role map."
            try skip(reader, columns, field.isEmpty ? .valueRequired : .valueEnumUnknown, .error, .role, message)
            return nil
        }
        try reader.noteForm(form, .role, run.ledger)
        let (primary, isExact) = BooleanWord.read(reader.field(columns.primary))
        if !isExact {
            let message = primary == .unknown ? "Neither true nor false; read as blank." : "Read as \(primary == .yes)."
            try remark(reader, columns, .valueBooleanForm, .primary, message)
        }
        let target: ConversionRules.EnrollmentRole =
            switch word {
            case .student: .student
            case .teacher: primary == .no ? run.rules.secondaryTeacher : .teacher
            case .aide: run.rules.aide
            case .proctor: run.rules.proctor
            case .administrator: run.rules.administrator
            case .guardian, .none: .dropped
            }
        guard let role = CanvasRole(target) else {
            try skip(reader, columns, .enrollmentRoleNotExported, .notice, .role, "The rules leave this role out.")
            return nil
        }
        return (role, primary == .yes && word == .teacher)
    }

    private func skip(
        _ reader: borrowing TableReader, _ columns: Columns, _ code: RosterIssueCode, _ severity: RosterIssue.Severity,
        _ column: RosterColumn, _ message: String
    ) throws {
        try run.ledger.note(
            .enrollments, row: reader.row, code, severity, id: reader.field(columns.id).string, field: column, message,
            .skipped)
    }

    private func remark(
        _ reader: borrowing TableReader, _ columns: Columns, _ code: RosterIssueCode, _ column: RosterColumn,
        _ message: String
    ) throws {
        try run.ledger.note(
            .enrollments, row: reader.row, code, .warning, id: reader.field(columns.id).string, field: column, message)
    }
}
