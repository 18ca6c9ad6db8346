import Jobs
import Metrics
import NIOConcurrencyHelpers
import Storage

/// The timers of steps by kind and outcome; each is made once, as finding one by its words costs more than a step may.
final class StepTimers: Sendable {
    private struct Key: Hashable {
        let kind: StepKind
        let outcome: StepEnding.AttemptOutcome?
    }

    private let timers = NIOLockedValueBox<[Key: Timer]>([:])

    /// - Parameter outcome: nil if the attempt's end was not legal.
    func timer(_ kind: StepKind, _ outcome: StepEnding.AttemptOutcome?) -> Timer {
        timers.withLockedValue { timers in
            let key = Key(kind: kind, outcome: outcome)
            if let timer = timers[key] { return timer }
            let timer = Timer(
                label: "rosterline_step_seconds",
                dimensions: [("kind", kind.rawValue), ("outcome", outcome?.rawValue ?? "unknown")])
            timers[key] = timer
            return timer
        }
    }
}
