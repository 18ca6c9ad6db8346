import Foundation
import Jobs
import Schedules
import Storage

/// A schedule as the terminal shows it.
struct ScheduleText {
    private let view: ScheduleView
    private let now: Date
    private let zone: TimeZone

    init(_ view: ScheduleView, now: Date) {
        self.view = view
        self.now = now
        zone = TimeZone(identifier: view.definition.timeZone) ?? .gmt
    }

    private var pause: SchedulePause? { view.pause.flatMap { $0.covers(now) ? $0 : nil } }

    /// One line of the list.
    var line: String {
        let next = view.nextAt.map { "next \(LocalTime.text($0, in: zone))" } ?? "never again"
        return "\(view.name)  \(view.definition.cron) (\(view.definition.timeZone))  \(pause?.words(in: zone) ?? next)"
    }

    /// All but the last occurrences.
    var details: String {
        let definition = view.definition
        var lines = ["\(view.name): \(definition.cron) (\(definition.timeZone))"]
        if let pause { lines.append("It is \(pause.words(in: zone)).") }
        do throws(ScheduleError) {
            let words = ScheduleWords(try definition.rules(), after: now, pause: view.pause)
            lines += ["\(words.expression).", words.missingHour, words.doubledHour]
            lines += [definition.overlap.words, definition.catchUp.words]
            if definition.jitterSeconds > 0 {
                lines.append("Each starts up to \(definition.jitterSeconds) s late, to spread the load.")
            }
            if let limit = definition.pauseAfterFailures { lines.append("\(limit) failed jobs in a row pause it.") }
            lines += definition.quiet.map { "It does not fire in \($0.words)." }
            lines.append("Next:")
            lines += words.next.map { "  \($0.local)\($0.note.map { "  \($0)" } ?? "")" }
            if !words.oddNights.isEmpty { lines.append("Nights on which clocks change:") }
            lines += words.oddNights.map { "  \($0.date): \($0.change). \($0.effect)" }
        } catch {
            lines.append("It cannot be read and rests: \(error)")
        }
        return (lines + ["Last:"]).joined(separator: "\n")
    }

    /// A past occurrence.
    static func line(_ occurrence: OccurrenceView, zone: String) -> String {
        let planned = LocalTime.text(occurrence.plannedAt, in: TimeZone(identifier: zone) ?? .gmt)
        let job = occurrence.job.map { "  job \($0)\(occurrence.jobState.map { ", \($0.title)" } ?? "")" } ?? ""
        return "  \(planned)  \(occurrence.outcome.title)\(job)\(occurrence.reason.map { "  \($0)" } ?? "")"
    }
}
