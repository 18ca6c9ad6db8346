import Foundation
import Jobs
import Logging
import Schedules
import Storage

/// One look at the schedules that are due: takes what the database says, and holds what is to be written. It does no
/// I/O.
struct SchedulerTick: Sendable {
    /// A job to be cancelled for another.
    struct Cancel: Sendable {
        let job: JobID
        let by: String
        let reason: String
    }

    /// A line for the log, once all is committed.
    struct Line: Sendable {
        let level: Logger.Level
        let message: Logger.Message
        let metadata: Logger.Metadata
    }

    private struct Item: Sendable {
        let schedule: ScheduleStore.Stored
        let rules: ScheduleRules
        let due: FiringPolicy.Due
    }

    private let now: Date
    private var items: [Item] = []
    /// How many schedules were taken.
    let count: Int
    private(set) var records: [ScheduleStore.Record] = []
    private(set) var requests: [JobRequest] = []
    private(set) var cancels: [Cancel] = []
    private(set) var advances: [ScheduleStore.Advance] = []
    private(set) var lines: [Line] = []

    /// - Parameter schedules: in the order in which they were due.
    init(_ schedules: [ScheduleStore.Stored], now: Date) {
        self.now = now
        count = schedules.count
        for schedule in schedules {
            do {
                let rules = try schedule.definition.rules()
                let due = FiringPolicy.due(
                    rules, from: schedule.nextPlanned ?? now, now: now, key: schedule.key)
                items.append(Item(schedule: schedule, rules: rules, due: due))
            } catch {
                rest(schedule, because: error)
            }
        }
    }

    var isEmpty: Bool { count == 0 }

    var readable: [ScheduleStore.Stored] { items.map(\.schedule) }

    var occurrences: [Int64: [PlannedOccurrence]] {
        Dictionary(uniqueKeysWithValues: items.map { ($0.schedule.id, $0.due.occurrences) })
    }

    /// Decides about each schedule in turn; what one begins, the next sees.
    mutating func decide(_ circumstances: ScheduleStore.Circumstances) {
        var unfinished = circumstances.unfinished
        for item in items {
            let schedule = item.schedule
            let lane = ScheduleStore.Lane(integration: schedule.integration, kind: schedule.kind)
            var situation = FiringPolicy.Situation()
            situation.unfinished = unfinished[lane] ?? []
            situation.failures = circumstances.failures[schedule.id] ?? 0
            situation.pause = schedule.pause
            situation.recorded = circumstances.recorded[schedule.id] ?? []
            let decision = FiringPolicy.decide(
                item.due, rules: item.rules, situation: &situation, now: now, key: schedule.key,
                newJob: { .random() })
            unfinished[lane] = situation.unfinished
            for entry in decision.entries { take(entry, of: schedule) }
            if let pause = decision.pause {
                lines.append(
                    Line(
                        level: .error, message: "A schedule paused itself; look at its jobs, then resume it",
                        metadata: ["schedule": "\(schedule.key)", "reason": "\(pause.reason)"]))
            }
            let next = item.due.next
            advances.append(
                .init(
                    schedule: schedule.id,
                    next: .init(
                        planned: next?.instant, start: next.map { item.rules.start(of: $0, key: schedule.key) }),
                    pause: decision.pause))
        }
    }

    private mutating func take(_ entry: FiringPolicy.Entry, of schedule: ScheduleStore.Stored) {
        let author = "schedule \(schedule.slug)"
        records.append(
            .init(
                schedule: schedule.id, occurrence: entry.occurrence, outcome: entry.outcome, reason: entry.reason,
                job: entry.start?.job))
        var metadata: Logger.Metadata = [
            "schedule": "\(schedule.key)", "planned": "\(entry.occurrence.instant.formatted(.iso8601))",
        ]
        if let reason = entry.reason { metadata["reason"] = "\(reason)" }
        guard let start = entry.start else {
            // An operator wanted a pause or a blackout; the others are worth a look.
            let isExpected = entry.outcome == .paused || entry.outcome == .blackout
            metadata["outcome"] = "\(entry.outcome.rawValue)"
            lines.append(
                Line(
                    level: isExpected ? .info : .warning, message: "An occurrence did not start", metadata: metadata))
            return
        }
        requests.append(
            JobRequest(
                schedule.kind, integration: schedule.integration, postedBy: author, id: start.job,
                priority: .nightly, afterJob: start.after))
        cancels += start.cancels.map {
            Cancel(
                job: $0, by: author, reason: "The next occurrence of the \(author) was due, which cancels the other.")
        }
        metadata[JobsKeys.Log.jobID] = "\(start.job)"
        lines.append(Line(level: .info, message: "A schedule started a job", metadata: metadata))
    }

    /// It was checked when it was stored; a zone can still vanish with the system's time zone data.
    private mutating func rest(_ schedule: ScheduleStore.Stored, because error: ScheduleError) {
        advances.append(
            .init(schedule: schedule.id, next: .init(planned: nil, start: nil), pause: nil))
        lines.append(
            Line(
                level: .error,
                message: "A schedule cannot be read; it rests until it is described anew",
                metadata: ["schedule": "\(schedule.key)", JobsKeys.Log.error: "\(error)"]))
    }
}
