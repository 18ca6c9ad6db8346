import Storage

/// The numbers of a job side by side: one row a type, one column a stage, from the source to Canvas.
struct CountsTable: Sendable {
    struct Row: Sendable {
        let type: String
        /// One for each column; empty where there is no number.
        let cells: [String]
    }

    let columns: [String]
    let rows: [Row]
    let isShown: Bool

    private static let typeOrder = [
        "orgs", "accounts", "academic_sessions", "terms", "courses", "classes", "sections", "users", "enrollments",
        "user_observers",
    ]
    private static let measureOrder = [
        "extracted", "converted", "taken", "created", "updated", "restored", "concluded", "deactivated", "deleted",
    ]
    private static let titles = [
        "extracted": "Extracted", "converted": "Converted", "taken": "Taken by Canvas", "created": "Created",
        "updated": "Updated", "restored": "Restored", "concluded": "Concluded", "deactivated": "Deactivated",
        "deleted": "Deleted",
    ]
    /// Canvas's names in its statistics, which count logins where it counts users.
    private static let canvasTypes = [
        "Account": "accounts", "EnrollmentTerm": "terms", "Course": "courses", "CourseSection": "sections",
        "Pseudonym": "users", "Enrollment": "enrollments", "UserObserver": "user_observers",
    ]

    init(steps: [StepView], answers: [CanvasAnswer]) {
        var numbers: [String: [String: Int64]] = [:]
        for step in steps {
            for (name, value) in step.counts where !name.hasPrefix("issues.") {
                let parts = name.split(separator: ".", maxSplits: 1)
                guard parts.count == 2 else { continue }
                numbers[String(parts[0]), default: [:]][String(parts[1])] = value
            }
        }
        for answer in answers {
            for (type, value) in answer.counts where !type.hasSuffix("_count") && (value > 0 || numbers[type] != nil) {
                numbers[type, default: [:]]["taken", default: 0] += value
            }
            for (type, changes) in answer.statistics {
                guard let name = Self.canvasTypes[type] else { continue }
                for (change, value) in changes where value > 0 {
                    numbers[name, default: [:]][change, default: 0] += value
                }
            }
        }
        let measures = Self.sorted(Set(numbers.values.flatMap(\.keys)), by: Self.measureOrder)
        columns = measures.map { Self.titles[$0] ?? PageWords.type($0) }
        rows = Self.sorted(Set(numbers.keys), by: Self.typeOrder).map { type in
            Row(
                type: PageWords.type(type),
                cells: measures.map { numbers[type]?[$0].map(PageWords.number) ?? "" })
        }
        isShown = !rows.isEmpty
    }

    /// Known names first and in their order, then the others by the alphabet.
    private static func sorted(_ names: Set<String>, by order: [String]) -> [String] {
        order.filter(names.contains) + names.subtracting(order).sorted()
    }
}

/// The row issues of a job by code, from counts such as `issues.errors.dangling_reference`.
struct IssuesTable: Sendable {
    struct Row: Sendable {
        let severity: String
        let code: String
        let count: String
    }

    let rows: [Row]
    /// Such as `3 errors, 12 warnings`; nil if nothing was counted.
    let summary: String?
    let isShown: Bool

    init(steps: [StepView]) {
        var found: [(severity: String, code: String, count: Int64)] = []
        var totals: [String: Int64] = [:]
        for step in steps {
            for (name, value) in step.counts where name.hasPrefix("issues.") && value > 0 {
                let parts = name.split(separator: ".", maxSplits: 2).map { String($0) }
                if parts.count == 3 {
                    found.append((parts[1], parts[2], value))
                } else if parts.count == 2 {
                    totals[parts[1], default: 0] += value
                }
            }
        }
        rows = found.sorted { ($0.severity, -$0.count, $0.code) < ($1.severity, -$1.count, $1.code) }
            .map { Row(severity: $0.severity, code: $0.code, count: PageWords.number($0.count)) }
        let known = ["errors", "warnings", "notices"]
        let words = (known.filter { totals[$0] != nil } + totals.keys.filter { !known.contains($0) }.sorted())
            .map { "\(PageWords.number(totals[$0] ?? 0)) \($0)" }
        summary = words.isEmpty ? nil : words.joined(separator: ", ")
        isShown = !rows.isEmpty || summary != nil
    }
}
