package import Foundation

/// What a scheduler does about a schedule that is due: pure, so that any pattern of restarts can be tried on it.
///
/// After an outage the latest occurrence within the catch-up window is started; those before it, and those too old, are
/// written down as missed, so that nobody has to wonder.
package struct FiringPolicy: Sendable {
    /// How many missed occurrences one tick writes down; the rest follow in the next.
    package static let missedLimit = 100

    /// What one tick does about a schedule.
    package struct Decision: Sendable, Hashable {
        package var missed: [ScheduleCalculator.Occurrence] = []
        package var start: ScheduleCalculator.Occurrence?
        /// When the schedule is due next; nil if its expression never fires again.
        package var next: Date?
    }

    /// - Parameters:
    ///   - dueAt: when the schedule was due; its occurrences before that are all written down.
    ///   - catchUp: how late an occurrence may still start.
    package static func decide(
        _ calculator: ScheduleCalculator, dueAt: Date, now: Date, catchUp: TimeInterval
    ) -> Decision {
        var decision = Decision()
        var due = calculator.occurrences(
            after: dueAt.addingTimeInterval(-1), through: now, limit: missedLimit + 1)
        if due.count <= missedLimit, let last = due.last, now.timeIntervalSince(last.instant) <= catchUp {
            decision.start = due.removeLast()
        }
        decision.missed = due
        let latest = decision.start ?? due.last
        decision.next = calculator.next(after: latest?.instant ?? dueAt)?.instant
        return decision
    }
}
