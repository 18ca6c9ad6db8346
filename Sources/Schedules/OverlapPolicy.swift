/// What happens when an occurrence is due while a job of the same integration and kind has not ended.
package enum OverlapPolicy: String, Sendable, Hashable, CaseIterable {
    /// The occurrence is skipped.
    case skip
    /// It waits for that job's end; while one waits already, further ones are skipped.
    case queue
    /// That job is cancelled, and the new one begins when it has stopped.
    case cancel
    /// Both run.
    case allow

    /// The rule as a sentence for operators.
    package var words: String {
        switch self {
        case .skip: "While another job of this integration runs, an occurrence is skipped."
        case .queue: "While another job of this integration runs, one occurrence waits for its end; more are skipped."
        case .cancel: "Another job of this integration that still runs is cancelled first."
        case .allow: "It starts even while another job of this integration runs."
        }
    }
}

/// What happens to occurrences whose time passed while no scheduler ran.
package struct CatchUp: Sendable, Hashable {
    /// Which of the missed occurrences start.
    package enum Mode: String, Sendable, Hashable, CaseIterable {
        /// Only the latest of them starts.
        case once
        /// Each of them starts, one after the other.
        case each
        /// None of them starts.
        case none
    }

    /// A start that is no later than this is on time, in seconds: what a restart of the schedulers takes.
    package static let punctual: Double = 60

    package let mode: Mode
    /// How late an occurrence may still start, in seconds; 0 to 31 days.
    package let window: Double

    package init(_ mode: Mode = .once, window: Double = 6 * 3600) {
        self.mode = mode
        self.window = window
    }

    /// How late an occurrence may start under this mode.
    package var latest: Double { mode == .none ? Self.punctual : max(window, Self.punctual) }

    /// The rule as a sentence for operators.
    package var words: String {
        switch mode {
        case .once:
            "After an outage only the latest missed occurrence starts, up to \(LocalTime.duration(window)) late."
        case .each:
            "After an outage each missed occurrence starts, one after the other, up to \(LocalTime.duration(window)) late."
        case .none: "An occurrence that cannot start on time does not start at all."
        }
    }
}
