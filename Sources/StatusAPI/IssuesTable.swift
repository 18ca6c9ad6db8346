import Storage

/// The row issues of a job by code, from counts such as `issues.errors` and `issues.error.ref.class_missing`.
struct IssuesTable: Sendable {
    struct Row: Sendable {
        let severity: String
        let code: String
        let count: String
    }

    /// The gravest first.
    let rows: [Row]
    /// Such as `3 errors, 12 warnings`; nil if nothing was counted.
    let summary: String?
    let isShown: Bool

    /// As the codes are counted, from the gravest; with an `s` as the totals are.
    private static let severities = ["error", "warning", "notice"]

    init(steps: [StepView]) {
        var found: [(rank: Int, severity: String, code: String, count: Int64)] = []
        var stated: [String: Int64] = [:]
        for step in steps {
            for (name, value) in step.counts where name.hasPrefix("issues.") && value > 0 {
                let parts = name.split(separator: ".", maxSplits: 2).map { String($0) }
                guard parts.count > 1 else { continue }
                let severity = Self.singular(parts[1])
                if parts.count == 3 {
                    let rank = Self.severities.firstIndex(of: severity) ?? Self.severities.count
                    found.append((rank, severity, parts[2], value))
                } else {
                    stated[severity, default: 0] += value
                }
            }
        }
        rows = found.sorted { ($0.rank, $0.severity, -$0.count, $0.code) < ($1.rank, $1.severity, -$1.count, $1.code) }
            .map { Row(severity: $0.severity, code: $0.code, count: PageWords.number($0.count)) }
        let totals = stated.merging(Dictionary(found.map { ($0.severity, $0.count) }, uniquingKeysWith: +)) {
            stated, _ in stated
        }
        let unknown = Set(totals.keys).subtracting(Self.severities).sorted()
        let words = (Self.severities + unknown).compactMap { severity in
            totals[severity].map { PageWords.counted($0, severity) }
        }
        summary = words.isEmpty ? nil : words.joined(separator: ", ")
        isShown = summary != nil
    }

    private static func singular(_ word: String) -> String {
        word.hasSuffix("s") ? String(word.dropLast()) : word
    }
}
