import Jobs
import Storage

/// Values of `jobs.html`.
struct JobListPage: Sendable {
    static let rowLimit = 50

    struct Row: Sendable {
        let href: String
        let shortID: String
        let kind: String
        let postedBy: String
        let integration: String
        let institution: String
        let updated: ZonedTime
        /// The step at work or the one that stopped the job; nil once it is done.
        let stage: String?
        let status: String
        /// The state's word, which the style sheet colours.
        let state: String
        let hasFiles: Bool
    }

    struct FilterLink: Sendable {
        let label: String
        let href: String
        let isCurrent: Bool
    }

    let title = "Jobs"
    /// For browsers without scripts.
    let refreshSeconds: Int? = 10
    let rows: [Row]
    let filters: [FilterLink]
    let isEmpty: Bool
    /// Nothing has ever run, as opposed to nothing that fits the filter.
    let isFresh: Bool
    let olderHref: String?
    let newestHref: String?

    init(_ page: PageView<JobView>, filter: JobFilter, isFirst: Bool) {
        rows = page.rows.map(Row.init)
        isEmpty = page.rows.isEmpty
        isFresh = page.rows.isEmpty && filter == JobFilter() && isFirst
        olderHref = page.nextAddress(path: "/", filter: filter, limit: nil)
        newestHref = isFirst ? nil : Self.address(filter)
        let states: [JobState?] = [nil, .inProgress, .held, .warning, .failed, .completed, .cancelled]
        filters = states.map { state in
            var target = filter
            target.state = state
            return FilterLink(
                label: state?.title ?? "All", href: Self.address(target), isCurrent: state == filter.state)
        }
    }

    private static func address(_ filter: JobFilter) -> String {
        let items = filter.queryItems
        return items.isEmpty ? "/" : "/?\(items.joined(separator: "&"))"
    }
}

extension JobListPage.Row {
    init(_ job: JobView) {
        href = "/jobs/\(job.id)"
        shortID = String(job.id.description.suffix(8))
        kind = PageWords.jobKind(job.kind)
        postedBy = job.postedBy
        integration = job.integration.name
        institution = job.institution.name
        updated = ZonedTime(job.updatedAt, zone: job.timeZone)
        stage = job.stage.map { stage in
            let title = StepKind(rawValue: stage.kind)?.title ?? stage.kind
            let line = ProgressLine(
                title: title, state: stage.state, percent: stage.percent, hasBegun: stage.percent > 0)
            return line.isShown ? "\(title), \(line.label)" : title
        }
        status = job.state.title
        state = job.state.rawValue
        hasFiles = job.hasArtifacts
    }
}

/// The words that pages use for what the database names.
enum PageWords {
    static func jobKind(_ kind: String) -> String {
        switch JobKind(rawValue: kind) {
        case .rosterSync: "Roster Sync"
        case nil: kind
        }
    }

    /// `user_observers` as `User observers`.
    static func type(_ name: String) -> String {
        let words = name.split(separator: "_").joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    /// `12 345 678`, with narrow no-break spaces, which no reader takes for a decimal point.
    static func number(_ value: Int64) -> String {
        var groups: [String] = []
        var digits = Substring(String(value.magnitude))
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits = digits.dropLast(3)
        }
        groups.insert(String(digits), at: 0)
        return (value < 0 ? "\u{2212}" : "") + groups.joined(separator: "\u{202F}")
    }

    /// `12.3 MB`, in steps of 1 000.
    static func size(_ bytes: Int64) -> String {
        guard bytes >= 1000 else { return "\(bytes) B" }
        var value = Double(bytes)
        var unit = 0
        let units = ["B", "kB", "MB", "GB", "TB"]
        // 999.95 would be shown as 1000.0.
        while value >= 999.95 && unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    /// `1 h 02 min`, `3 min 05 s`, `12 s`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(max(0, seconds).rounded())
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        if whole >= 3600 { return "\(whole / 3600) h \(two(whole % 3600 / 60)) min" }
        if whole >= 60 { return "\(whole / 60) min \(two(whole % 60)) s" }
        return "\(whole) s"
    }
}
