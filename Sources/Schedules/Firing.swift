import Foundation
import Jobs

/// One run of `FiringPolicy.decide`: goes through the occurrences in order and keeps what each changes for the next.
struct Firing {
    let rules: ScheduleRules
    let now: Date
    let key: String
    var situation: FiringPolicy.Situation
    private var pausedNow: SchedulePause?
    /// A job was begun in this look.
    private var hasBegun = false

    init(rules: ScheduleRules, now: Date, key: String, situation: FiringPolicy.Situation) {
        self.rules = rules
        self.now = now
        self.key = key
        self.situation = situation
    }

    private var zone: TimeZone { rules.calculator.zone }

    mutating func decide(_ due: FiringPolicy.Due, newJob: () -> JobID) -> FiringPolicy.Decision {
        let open = due.occurrences.filter { !situation.recorded.contains($0.key) }
        let latest = due.isCut ? nil : open.last { quietReason($0) == nil }
        var decision = FiringPolicy.Decision()
        for occurrence in open {
            decision.entries.append(entry(occurrence, isLatest: occurrence == latest, newJob))
        }
        decision.pause = pausedNow
        return decision
    }

    private mutating func entry(
        _ occurrence: PlannedOccurrence, isLatest: Bool, _ newJob: () -> JobID
    ) -> FiringPolicy.Entry {
        if let (outcome, reason) = quietReason(occurrence) { return without(occurrence, outcome, reason) }
        let late = now.timeIntervalSince(rules.start(of: occurrence, key: key))
        if late > rules.catchUp.latest {
            return without(
                occurrence, .missed,
                "No scheduler ran at its time; it was found \(LocalTime.duration(late)) late, and it may start "
                    + "\(LocalTime.duration(rules.catchUp.latest)) late at most.")
        }
        if rules.catchUp.mode != .each, !isLatest {
            return without(
                occurrence, .missed, "No scheduler ran at its time; only the latest of those that were missed starts.")
        }
        if let limit = rules.pauseAfterFailures, situation.failures >= limit {
            let pause = SchedulePause(
                from: occurrence.instant,
                reason: limit == 1 ? "its last job failed" : "its last \(situation.failures) jobs failed",
                by: "the scheduler")
            pausedNow = pause
            situation.pause = pause
            return without(occurrence, .paused, "The schedule was \(pause.words(in: zone)).")
        }
        return start(occurrence, late: late, newJob)
    }

    /// Why an occurrence does not start whatever else is the case.
    private func quietReason(_ occurrence: PlannedOccurrence) -> (OccurrenceOutcome, String)? {
        if let pause = situation.pause, pause.covers(occurrence.instant) {
            return (.paused, "The schedule was \(pause.words(in: zone)).")
        }
        guard let range = rules.quiet.first(where: { $0.covers(occurrence) }) else { return nil }
        return (range.kind == .blackout ? .blackout : .paused, "It falls into \(range.words).")
    }

    private mutating func start(
        _ occurrence: PlannedOccurrence, late: TimeInterval, _ newJob: () -> JobID
    ) -> FiringPolicy.Entry {
        let isLate = late > CatchUp.punctual
        var words = isLate ? ["It started \(LocalTime.duration(late)) late: no scheduler ran at its time."] : []
        var after: JobID?
        var cancels: [JobID] = []
        if let other = situation.unfinished.last, rules.overlap != .allow {
            let standing = "job \(other.id), which began at \(LocalTime.text(other.began, in: zone))"
            // What is caught up one by one waits its turn, else the first of them would stand in the others' way.
            let isInTurn = rules.catchUp.mode == .each && (isLate || hasBegun)
            switch isInTurn ? .queue : rules.overlap {
            case .allow: break
            case .skip: return without(occurrence, .skipped, "Skipped: \(standing), has not ended.")
            case .queue:
                if situation.unfinished.count > 1, !isInTurn {
                    return without(occurrence, .skipped, "Skipped: \(standing), waits already.")
                }
                after = other.id
                words.append("It waits for \(standing).")
            case .cancel:
                after = other.id
                cancels = situation.unfinished.map(\.id)
                words.append("It waits until \(standing), has been cancelled for it.")
            }
        }
        let job = newJob()
        hasBegun = true
        if !cancels.isEmpty { situation.unfinished.removeAll() }
        situation.unfinished.append(.init(id: job, began: now))
        return FiringPolicy.Entry(
            occurrence: occurrence, outcome: .started, reason: words.isEmpty ? nil : words.joined(separator: " "),
            start: .init(job: job, after: after, cancels: cancels))
    }

    private func without(
        _ occurrence: PlannedOccurrence, _ outcome: OccurrenceOutcome, _ reason: String
    ) -> FiringPolicy.Entry {
        FiringPolicy.Entry(occurrence: occurrence, outcome: outcome, reason: reason, start: nil)
    }
}
