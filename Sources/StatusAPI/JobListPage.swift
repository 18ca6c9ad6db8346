import Jobs
import Storage

/// Values of `jobs.html`.
struct JobListPage: Sendable {
    static let rowLimit = 50

    struct Row: Sendable {
        let href: String
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
        /// Such as `5 000 users, 30 000 enrollments`; nil before anything was read.
        let roster: String?
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
        let found = [("users", "user"), ("enrollments", "enrollment")].compactMap { table, noun in
            job.rosterCounts["\(table).extracted"].map { PageWords.counted($0, noun) }
        }
        roster = found.isEmpty ? nil : found.joined(separator: ", ")
    }
}
