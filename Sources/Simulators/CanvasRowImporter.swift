/// Applies the rows of SIS files to a roster, and notes what becomes of each.
///
/// Pure but for the roster that is handed in: no file, no clock. A row either is processed and counted, or is rejected
/// with a warning that names its file and row; a rejected row touches nothing. Deletions that reach other objects
/// (a user's enrolments, a section's) are gathered and carried out at the end of the chunk, as Canvas does.
struct CanvasRowImporter: Sendable {
    /// The fields of one row by the names of their columns.
    struct Row {
        let reader: CanvasCSVReader
        let columns: [String: Int]

        subscript(_ name: String) -> String? {
            columns[name].flatMap { reader.field($0) }
        }

        func has(_ name: String) -> Bool { columns[name] != nil }
    }

    /// A row that is not applied.
    struct Rejection: Error {
        var text: String

        init(_ text: String) {
            self.text = text
        }
    }

    let options: CanvasImportOptions
    var result = CanvasImportResult()
    private var usersToUnenrol: Set<UInt32> = []
    private var sectionsToEmpty: Set<UInt32> = []
    private var enrollmentsToDelete: [CanvasRoster.EnrollmentKey] = []

    init(options: CanvasImportOptions) {
        self.options = options
    }

    /// Applies one row.
    mutating func apply(_ row: Row, of type: CanvasCSVType, file: String, to roster: inout CanvasRoster) {
        guard !row.reader.isEmptyRecord else { return }
        if options.skipDeletes, row["status"]?.lowercased().contains("deleted") == true { return }
        do throws(Rejection) {
            let isCounted =
                switch type {
                case .account: try applyAccount(row, to: &roster)
                case .term: try applyTerm(row, to: &roster)
                case .course: try applyCourse(row, to: &roster)
                case .section: try applySection(row, to: &roster)
                case .user: try applyUser(row, file: file, to: &roster)
                case .enrollment: try applyEnrollment(row, file: file, to: &roster)
                case .userObserver: try applyObserver(row, to: &roster)
                default: false
                }
            if isCounted { result.counts[type.countKey, default: 0] += 1 }
        } catch {
            warn(error.text, file: file, row: row.reader.row)
        }
    }

    /// Carries out what the rows of a chunk have left for its end.
    mutating func endChunk(_ roster: inout CanvasRoster) {
        for key in enrollmentsToDelete { setEnrollment(key, to: .deleted, in: &roster) }
        enrollmentsToDelete.removeAll()
        guard !usersToUnenrol.isEmpty || !sectionsToEmpty.isEmpty else { return }
        // One pass for all of them: a table by user would cost more memory than these rare deletions cost time.
        for (key, state) in roster.enrollments where state != .deleted {
            if usersToUnenrol.contains(key.user) || sectionsToEmpty.contains(key.section) {
                setEnrollment(key, to: .deleted, in: &roster)
            }
        }
        usersToUnenrol.removeAll()
        sectionsToEmpty.removeAll()
    }

    mutating func warn(_ text: String, file: String?, row: Int?) {
        result.messages.append(CanvasImport.Message(file: file, text: text, row: row, isFailure: false))
    }

    mutating func fail(_ text: String, file: String?, row: Int?) {
        result.messages.append(CanvasImport.Message(file: file, text: text, row: row, isFailure: true))
    }

    mutating func note(_ kind: CanvasStatistics.Kind, from old: CanvasObjectState?, to new: CanvasObjectState) {
        result.statistics.note(kind, from: old, to: new)
    }

    mutating func unenrolAtEnd(user: Int) {
        usersToUnenrol.insert(UInt32(user))
    }

    mutating func emptyAtEnd(section: Int) {
        sectionsToEmpty.insert(UInt32(section))
    }

    mutating func deleteAtEnd(_ key: CanvasRoster.EnrollmentKey) {
        enrollmentsToDelete.append(key)
    }

    mutating func setEnrollment(
        _ key: CanvasRoster.EnrollmentKey, to state: CanvasObjectState, in roster: inout CanvasRoster
    ) {
        let old = roster.enrollments.updateValue(state, forKey: key)
        note(.enrollment, from: old, to: state)
    }

    /// A field that must not be blank.
    func required(_ row: Row, _ name: String, _ what: String) throws(Rejection) -> String {
        guard let value = row[name] else { throw Rejection("No \(name) given for \(what)") }
        return value
    }

    /// `active` or `deleted`, judged by the beginning alone, as Canvas does for most types.
    func activeOrDeleted(_ status: String?, _ what: String) throws(Rejection) -> CanvasObjectState {
        let word = status?.lowercased() ?? ""
        if word.hasPrefix("active") { return .active }
        if word.hasPrefix("deleted") { return .deleted }
        throw Rejection("Improper status \"\(status ?? "")\" for \(what)")
    }

    /// Notes a date that cannot be read; the row is applied all the same.
    mutating func checkDates(_ row: Row, file: String, _ what: String) {
        for name in ["start_date", "end_date"] {
            guard let text = row[name], text != "<delete>" else { continue }
            let digits = text.utf8.prefix(4).allSatisfy { (48...57).contains($0) }
            if !digits || text.utf8.count < 8 { warn("Bad date format for \(what)", file: file, row: row.reader.row) }
        }
    }
}
