package import Foundation
package import Jobs

/// What a scheduler does about a schedule that is due: pure, so that any pattern of restarts can be tried on it.
///
/// It works in two moves, since the database is asked between them: `due` says which occurrences have come, `decide`
/// what becomes of each. Whatever does not start is written down with the reason, so that nobody has to wonder.
package enum FiringPolicy {
    /// How many occurrences one look at a schedule decides; the rest follow in the next.
    package static let limit = 100

    /// The occurrences whose time has come.
    package struct Due: Sendable, Hashable {
        package var occurrences: [PlannedOccurrence] = []
        /// More have come than one look decides.
        package var isCut = false
        /// The first that is not decided now; nil if the expression never fires again.
        package var next: PlannedOccurrence?
    }

    /// - Parameters:
    ///   - planned: the instant of the first occurrence that nobody has decided yet.
    ///   - key: the schedule's name for its jitter.
    package static func due(_ rules: ScheduleRules, from planned: Date, now: Date, key: String) -> Due {
        var due = Due()
        var sequence = OccurrenceSequence(rules.calculator, after: planned.addingTimeInterval(-1))
        while let occurrence = sequence.next() {
            let hasCome = rules.start(of: occurrence, key: key) <= now
            guard hasCome, due.occurrences.count < limit else {
                due.isCut = hasCome
                due.next = occurrence
                break
            }
            due.occurrences.append(occurrence)
        }
        return due
    }

    /// What the database knows that bears on the decision.
    package struct Situation: Sendable {
        /// Jobs of the same integration and kind that have not ended, in the order in which they began.
        package var unfinished: [UnfinishedJob] = []
        /// How many of the schedule's last jobs failed in a row, since it was last resumed.
        package var failures = 0
        package var pause: SchedulePause?
        /// Occurrences that are written down already, as after a restore from a backup.
        package var recorded: Set<OccurrenceKey> = []

        package init() {}
    }

    /// A job that has not ended.
    package struct UnfinishedJob: Sendable, Hashable {
        package let id: JobID
        package let began: Date

        package init(id: JobID, began: Date) {
            self.id = id
            self.began = began
        }
    }

    /// What becomes of one occurrence.
    package struct Entry: Sendable, Hashable {
        package let occurrence: PlannedOccurrence
        package let outcome: OccurrenceOutcome
        /// A sentence for operators; nil where there is nothing to explain.
        package let reason: String?
        package let start: Start?
    }

    /// A job to begin.
    package struct Start: Sendable, Hashable {
        package let job: JobID
        /// Not before this job has ended.
        package let after: JobID?
        /// Jobs to be cancelled for it.
        package let cancels: [JobID]
    }

    /// What one look does about a schedule.
    package struct Decision: Sendable, Hashable {
        package var entries: [Entry] = []
        /// Set when the schedule pauses itself.
        package var pause: SchedulePause?
    }

    /// - Parameters:
    ///   - situation: gains the jobs that are to begin, so that the next schedule of the same integration sees them.
    ///   - newJob: makes an id.
    package static func decide(
        _ due: Due, rules: ScheduleRules, situation: inout Situation, now: Date, key: String, newJob: () -> JobID
    ) -> Decision {
        var firing = Firing(rules: rules, now: now, key: key, situation: situation)
        let decision = firing.decide(due, newJob: newJob)
        situation = firing.situation
        return decision
    }
}
