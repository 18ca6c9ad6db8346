import Jobs
import Storage

/// The numbers of a job in two tables: what the source held and what became of it, and what Canvas did with what it was
/// sent. They are two because the types differ: one class of a roster is a course and a section in Canvas.
struct CountsTable: Sendable {
    struct Row: Sendable {
        let type: String
        /// What the type becomes in Canvas, in words; nil where the row is Canvas's already.
        let becomes: String?
        /// One for each column; empty where there is no number.
        let cells: [String]
    }

    let columns: [String]
    let rows: [Row]
    let isShown: Bool

    /// - Parameters:
    ///   - numbers: by type, then by measure.
    ///   - order: the known types with their titles and what they become; the others follow by the alphabet.
    ///   - measures: the columns with their titles; those without any number are left out.
    private init(
        _ numbers: [String: [String: Int64]], order: [(type: String, title: String, becomes: String?)],
        measures: [(name: String, title: String)]
    ) {
        let used = measures.filter { measure in numbers.values.contains { $0[measure.name] != nil } }
        columns = used.map(\.title)
        let unknown = Set(numbers.keys).subtracting(order.map(\.type)).sorted()
        let types = order + unknown.map { (type: $0, title: PageWords.type($0), becomes: nil) }
        rows = types.compactMap { type in
            numbers[type.type].map { values in
                Row(
                    type: type.title, becomes: type.becomes,
                    cells: used.map { values[$0.name].map(PageWords.number) ?? "" })
            }
        }
        isShown = !rows.isEmpty && !columns.isEmpty
    }
}

extension CountsTable {
    /// Tables of OneRoster, and what the default mapping makes of them.
    private static let sourceTypes: [(type: String, title: String, becomes: String?)] = [
        ("orgs", "Organizations", "Accounts"), ("academicSessions", "Academic sessions", "Terms"),
        ("courses", "Courses", "Names and codes of courses"), ("classes", "Classes", "Courses, each with a section"),
        ("users", "Users", "Users"), ("roles", "Roles", "Roles of users"),
        ("enrollments", "Enrollments", "Enrollments"), ("relationships", "Relationships", "Observers"),
    ]
    private static let sourceMeasures = [
        (name: "extracted", title: "Extracted"), (name: "converted", title: "Converted"),
        (name: "skipped", title: "Left out"), (name: "merged", title: "Merged into another"),
    ]

    /// What the source held, by its own tables, from counts such as `users.extracted`.
    static func source(_ steps: [StepView]) -> CountsTable {
        let known = Set(sourceMeasures.map(\.name))
        var numbers: [String: [String: Int64]] = [:]
        for step in steps {
            for (name, value) in step.counts {
                let parts = name.split(separator: ".").map { String($0) }
                guard parts.count == 2, known.contains(parts[1]), parts[0] != "rows" else { continue }
                numbers[parts[0], default: [:]][parts[1]] = value
            }
        }
        return CountsTable(numbers, order: sourceTypes, measures: sourceMeasures)
    }
}

extension CountsTable {
    private static let canvasTypes: [(type: String, title: String, becomes: String?)] = [
        ("accounts", "Accounts", nil), ("terms", "Terms", nil), ("courses", "Courses", nil),
        ("sections", "Sections", nil), ("users", "Users", nil), ("enrollments", "Enrollments", nil),
        ("user_observers", "Observers", nil),
    ]
    private static let canvasMeasures = [
        (name: "sent", title: "Sent"), (name: "taken", title: "Taken"), (name: "created", title: "Created"),
        (name: "updated", title: "Updated"), (name: "restored", title: "Restored"),
        (name: "concluded", title: "Concluded"), (name: "deactivated", title: "Deactivated"),
        (name: "deleted", title: "Deleted"),
    ]
    /// Canvas's names in its statistics, which count logins where it counts users.
    private static let modelTypes = [
        "Account": "accounts", "EnrollmentTerm": "terms", "Course": "courses", "CourseSection": "sections",
        "Pseudonym": "users", "Enrollment": "enrollments", "UserObserver": "user_observers",
    ]

    /// What Canvas was sent and what it did: the conversion's `canvas.users`, or `sent.users` of an import of less than
    /// the conversion left, and Canvas's answers, or the import step's own counts where no answer is kept.
    static func canvas(_ steps: [StepView], answers: [CanvasAnswer]) -> CountsTable {
        var numbers: [String: [String: Int64]] = [:]
        for (type, value) in sentCounts(steps) where !type.contains(".") && value > 0 {
            numbers[type, default: [:]]["sent"] = value
        }
        var answer = CanvasTotals()
        for each in answers { answer.add(taken: each.counts, changes: each.statistics) }
        if answers.isEmpty {
            for step in steps where step.kind == StepKind.importBatch.rawValue {
                answer.add(counts(step, "canvas."))
            }
        }
        for (type, value) in answer.taken where value > 0 || numbers[type] != nil {
            numbers[type, default: [:]]["taken"] = value
        }
        for (model, changes) in answer.changes {
            guard let type = modelTypes[model] else { continue }
            for (change, value) in changes where value > 0 { numbers[type, default: [:]][change] = value }
        }
        // Once Canvas has counted, no number means that nothing was created or deleted.
        if !answer.changes.isEmpty {
            for type in numbers.keys {
                for change in ["created", "deleted"] { numbers[type]?[change, default: 0] += 0 }
            }
        }
        return CountsTable(numbers, order: canvasTypes, measures: canvasMeasures)
    }

    /// Rows by type, as they were sent.
    private static func sentCounts(_ steps: [StepView]) -> [String: Int64] {
        if let step = steps.last(where: { $0.kind == StepKind.importBatch.rawValue }) {
            let less = counts(step, "sent.")
            if !less.isEmpty { return less }
        }
        return steps.last { $0.kind == StepKind.convert.rawValue }.map { counts($0, "canvas.") } ?? [:]
    }

    /// The counts that begin so, without that.
    private static func counts(_ step: StepView, _ prefix: String) -> [String: Int64] {
        let found = step.counts.filter { $0.key.hasPrefix(prefix) }
        return Dictionary(found.map { (String($0.key.dropFirst(prefix.count)), $0.value) }) { first, _ in first }
    }
}

/// Canvas's numbers of all batches together.
private struct CanvasTotals {
    /// Rows by type, such as `users`.
    private(set) var taken: [String: Int64] = [:]
    /// By Canvas's model, such as `Pseudonym`, then by change.
    private(set) var changes: [String: [String: Int64]] = [:]

    mutating func add(taken: [String: Int64], changes: [String: [String: Int64]]) {
        // What is counted besides rows ends so: `error_count`, `warning_count`, `batch_courses_deleted_count`.
        for (type, value) in taken where !type.hasSuffix("_count") { self.taken[type, default: 0] += value }
        self.changes.merge(changes) { $0.merging($1, uniquingKeysWith: +) }
    }

    /// The counts of an import step: `users`, `Pseudonym.created`.
    mutating func add(_ counts: [String: Int64]) {
        for (name, value) in counts where name != "errors" {
            let parts = name.split(separator: ".").map { String($0) }
            if parts.count == 2 {
                add(taken: [:], changes: [parts[0]: [parts[1]: value]])
            } else {
                add(taken: [name: value], changes: [:])
            }
        }
    }
}
