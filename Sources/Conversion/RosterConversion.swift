internal import CSV
package import OneRoster

/// Turns a snapshot into Canvas's SIS files.
///
/// **Order of work.** Organisations, sessions, courses and classes are read first and kept; they are few. Then the
/// users, of whom only ids and a few bits stay; the roles; the enrolments, as records of 24 bytes. Now everything is
/// known that decides what is written, and the files are written in the order in which Canvas reads them, rows by id,
/// so that equal input gives equal bytes.
///
/// **Nothing is dropped in silence.** Each row of a table that is read is counted as converted, or stands in
/// `issues.csv` as skipped or merged with its file, row, code and reason; ``ConversionReport/counts`` adds up.
///
/// **Memory** is some 130 bytes for a user, 200 for a class and 28 for an enrolment, beside the ids' own bytes; a
/// district of a million people and six million enrolments stays within 512 MiB.
///
/// The work is synchronous and takes a core: run it on a thread of its own, never on one of the cooperative pool.
package enum RosterConversion {
    /// Converts a snapshot into files in a folder, which must exist.
    ///
    /// A failed or cancelled run leaves unfinished files behind, which the caller drops with the folder.
    /// - Parameter day: the day that counts as today; nil takes the clock's in the rules' time zone.
    /// - Parameter progress: called at most every 4 MiB of work, and once for each file; what it throws ends the
    ///   conversion, which
    ///   is how to cancel.
    /// - Throws: `RosterError`, or what `progress` throws.
    package static func run(
        snapshot: RosterSnapshot, rules: ConversionRules, into folder: String, on day: CalendarDay? = nil,
        progress: @escaping (ConversionProgress) throws -> Void = { _ in }
    ) throws -> ConversionReport {
        guard let today = day ?? CalendarDay.today(in: rules.timeZone) else {
            throw RosterError(
                .invalidRules, detail: "the time zone \(rules.timeZone) is unknown",
                remedy: "Set an IANA time zone such as Europe/Berlin.")
        }
        do {
            let run = try ConversionRun(
                snapshot: snapshot, rules: rules, day: today, folder: folder, progress: progress)
            return try convert(run)
        } catch let error as CSVError {
            throw RosterError(error, file: "The conversion")
        }
    }

    private static func convert(_ run: ConversionRun) throws -> ConversionReport {
        for issue in run.snapshot.issues { try run.ledger.take(issue) }
        let orgs = try OrgTable(run)
        var sessions = try SessionTable(run)
        var courses = try CourseTable(run, orgs: orgs)
        var classes = try ClassTable(run, orgs: orgs, courses: &courses, sessions: &sessions)
        var users = try UserTable(run)
        try users.readRoles()
        var enrollments = try EnrollmentTable(run, classes: &classes, users: &users)

        try orgs.write()
        try sessions.write()
        let userOrder = users.entities.ids.sortedOrder()
        let userRanks = ranks(userOrder)
        try writeUsers(run, &users, userOrder, userRanks)
        let classOrder = classes.sortedOrder()
        try classes.write(classOrder, courses: courses, sessions: sessions)
        try courses.settle()
        let order = enrollments.sort(classRanks: ranks(classOrder), userRanks: userRanks)
        var file = EnrollmentFile(run, classOrder: classOrder, userOrder: userOrder)
        try file.write(enrollments, order: order, classes: classes, users: users, sessions: sessions)
        try run.meter.tell("enrollments.csv")
        return try report(run)
    }

    private static func writeUsers(
        _ run: ConversionRun, _ users: inout UserTable, _ order: [UInt32], _ ranks: [UInt32]
    ) throws {
        var observers = ObserverFile(run)
        if let table = run.snapshot.table(.users) {
            var file = try UserFile(run, table: table)
            try file.write(&users, order: order)
            observers.take(agents: file.agents, users)
        }
        guard run.rules.observers else { return }
        try observers.readRelationships(users)
        try observers.write(users, ranks: ranks)
    }

    private static func ranks(_ order: [UInt32]) -> [UInt32] {
        var ranks = [UInt32](repeating: 0, count: order.count)
        for (rank, index) in order.enumerated() { ranks[Int(index)] = UInt32(rank) }
        return ranks
    }

    private static func report(_ run: ConversionRun) throws -> ConversionReport {
        if let table = run.snapshot.table(.relationships), !run.rules.observers {
            try run.ledger.take(
                RosterIssue(
                    file: table.kind.fileName, code: .packageUnusedTable, severity: .notice,
                    message: "Observers are off, so the table was not read."))
        }
        let tables = run.snapshot.tables.filter { $0.kind != .relationships || run.rules.observers }
        let counts = tables.map { table in
            let tally = run.ledger.tally(table.kind)
            return ConversionCount(
                table: table.kind, extracted: table.rows, converted: tally.converted, skipped: tally.skipped,
                merged: tally.merged)
        }
        let (issues, listed) = try run.ledger.finish()
        let order = ["accounts.csv", "terms.csv", "users.csv", "courses.csv", "sections.csv", "enrollments.csv"]
        let files = run.files.sorted { (order.firstIndex(of: $0.name) ?? 9) < (order.firstIndex(of: $1.name) ?? 9) }
        return ConversionReport(counts: counts, files: files, issues: issues, listedIssues: listed)
    }
}
