import FoundationEssentials
import Schedules
import Storage

/// Values of `schedules.html`.
struct ScheduleListPage: Sendable {
    static let rowLimit = 50

    /// An outcome as a badge shows it.
    struct Outcome: Sendable {
        /// The word that the style sheet colours.
        let word: String
        let title: String
    }

    struct Row: Sendable {
        let href: String
        let slug: String
        let integration: String
        let institution: String
        /// In plain English; the expression itself where it cannot be read.
        let expression: String
        let zone: String
        let next: ZonedTime?
        /// Set while it is paused.
        let pause: String?
        let last: ZonedTime?
        let outcome: Outcome?
    }

    let title = "Schedules"
    let refreshSeconds: Int? = 30
    let rows: [Row]
    let isEmpty: Bool
    let nextHref: String?
    let firstHref: String?

    init(_ page: PageView<ScheduleView>, isFirst: Bool, now: Date) {
        rows = page.rows.map { Row($0, now: now) }
        isEmpty = page.rows.isEmpty
        firstHref = isFirst ? nil : "/schedules"
        nextHref = page.hasMore ? page.rows.last.map { "/schedules?after=\($0.id)" } : nil
    }
}

extension ScheduleListPage.Row {
    init(_ view: ScheduleView, now: Date) {
        let zone = view.definition.timeZone
        let pause = view.pause.flatMap { $0.covers(now) ? $0 : nil }
        href = "/schedules/\(view.id)"
        slug = view.slug
        integration = view.integration.name
        institution = view.institution.name
        expression = (try? CronExpression(view.definition.cron).words) ?? view.definition.cron
        self.zone = zone
        self.pause = pause?.reason
        next = pause == nil ? view.nextAt.map { ZonedTime($0, zone: zone) } : nil
        last = view.lastOccurrence.map { ZonedTime($0.plannedAt, zone: zone) }
        outcome = view.lastOccurrence.map { .init($0.outcome) }
    }
}

extension ScheduleListPage.Outcome {
    init(_ outcome: OccurrenceOutcome) {
        word = outcome.rawValue
        title = outcome.title
    }
}
