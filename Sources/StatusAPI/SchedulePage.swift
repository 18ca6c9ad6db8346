import Foundation
import Jobs
import Schedules
import Storage

/// Values of `schedule.html`.
struct SchedulePage: Sendable {
    static let rowLimit = 30

    struct Upcoming: Sendable {
        let instant: String
        let local: String
        let note: String?
    }

    struct Night: Sendable {
        let date: String
        let change: String
        let effect: String
    }

    struct Job: Sendable {
        let href: String
        let status: String
    }

    struct Row: Sendable {
        let planned: ZonedTime
        let word: String
        let title: String
        let reason: String?
        let job: Job?
    }

    let title: String
    let refreshSeconds: Int? = 30
    let name: String
    let expression: String
    let cron: String
    let zone: String
    /// Why the schedule cannot be read; nil where it can.
    let fault: String?
    /// Nil unless it is paused now.
    let pause: String?
    let next: [Upcoming]
    let rules: [String]
    let oddNights: [Night]
    let occurrences: [Row]
    let commands: [String]
    /// Of this page, for its forms.
    let href: String
    let offersChanges: Bool

    // The templates see stored properties only.
    let hasNext: Bool
    let hasOddNights: Bool
    let hasOccurrences: Bool

    init(_ details: ScheduleDetails, now: Date, offersChanges: Bool) {
        self.offersChanges = offersChanges
        href = "/schedules/\(details.schedule.id)"
        let view = details.schedule
        let definition = view.definition
        let zone = TimeZone(identifier: definition.timeZone) ?? .gmt
        title = "Schedule \(view.slug)"
        name = view.name
        cron = definition.cron
        self.zone = definition.timeZone
        pause = view.pause.flatMap { $0.covers(now) ? $0.words(in: zone) : nil }
        occurrences = details.occurrences.map { Row($0, zone: definition.timeZone) }
        commands = ["run", "pause", "resume", "backfill"].map { "rosterline schedules \($0) \(view.name)" }
        do throws(ScheduleError) {
            let words = ScheduleWords(try definition.rules(), after: now, pause: view.pause)
            expression = words.expression
            next = words.next.map { Upcoming(instant: APITime($0.instant).text, local: $0.local, note: $0.note) }
            oddNights = words.oddNights.map {
                Night(date: $0.date.description, change: $0.change, effect: $0.effect)
            }
            rules = [words.missingHour, words.doubledHour] + Self.rules(definition)
            fault = nil
        } catch {
            expression = definition.cron
            (next, oddNights, rules) = ([], [], Self.rules(definition))
            fault = error.description
        }
        hasNext = !next.isEmpty
        hasOddNights = !oddNights.isEmpty
        hasOccurrences = !occurrences.isEmpty
    }

    private static func rules(_ definition: ScheduleDefinition) -> [String] {
        var rules = [definition.overlap.words, definition.catchUp.words]
        if definition.jitterSeconds > 0 {
            let most = LocalTime.duration(Double(definition.jitterSeconds))
            rules.append("Each occurrence starts up to \(most) late, to spread the load.")
        }
        if let limit = definition.pauseAfterFailures {
            rules.append(
                limit == 1 ? "A failed job pauses it." : "\(limit) failed jobs in a row pause it.")
        }
        return rules + definition.quiet.map { "It does not fire in \($0.words)." }
    }
}

extension SchedulePage.Row {
    init(_ view: OccurrenceView, zone: String) {
        planned = ZonedTime(view.plannedAt, zone: zone)
        word = view.outcome.rawValue
        title = view.outcome.title
        reason = view.reason
        job = view.job.map { .init(href: "/jobs/\($0)", status: view.jobState?.title ?? "Removed") }
    }
}
