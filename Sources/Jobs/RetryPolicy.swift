package import FoundationEssentials

/// When a failed attempt is tried again.
///
/// Full jitter: each delay is drawn from zero to the exponential bound, so that steps that failed together do not come
/// back together.
///
/// - SeeAlso: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
package struct RetryPolicy: Sendable, Hashable {
    /// How often a step may fail before it stays failed; 1 or more, default 8.
    package var attemptLimit: Int
    /// The bound of the first delay; default 15 s.
    package var firstDelay: Duration
    /// What no delay exceeds; default 15 min.
    package var longestDelay: Duration
    /// How often a step may be told to come later before it fails; 1 or more, default 20.
    package var throttleLimit: Int
    /// How often a lease may run out under a step before it is parked as poison; default 3.
    package var rescueLimit: Int

    package init(
        attemptLimit: Int = 8, firstDelay: Duration = .seconds(15), longestDelay: Duration = .seconds(900),
        throttleLimit: Int = 20, rescueLimit: Int = 3
    ) {
        precondition(
            attemptLimit > 0 && throttleLimit > 0 && rescueLimit > 0,
            "limits are 1 or more: \(attemptLimit), \(throttleLimit), \(rescueLimit)")
        self.attemptLimit = attemptLimit
        self.firstDelay = firstDelay
        self.longestDelay = longestDelay
        self.throttleLimit = throttleLimit
        self.rescueLimit = rescueLimit
    }

    /// What another try is taken from.
    package enum Cost: Sendable, Hashable {
        /// No fault of the step's.
        case nothing
        case attempt
        case throttle
    }

    /// What follows a failure.
    package enum Decision: Sendable, Hashable {
        case tryAgain(after: Date, cost: Cost)
        case fail
        case cancel
    }

    /// Decides about a failure.
    ///
    /// - Parameters:
    ///   - failure: what happened.
    ///   - failures: how often the step had failed before, 0 or more.
    ///   - throttles: how often it had been throttled before, 0 or more.
    package func decision(
        on failure: StepFailure, failures: Int, throttles: Int = 0, now: Date,
        using generator: inout some RandomNumberGenerator
    ) -> Decision {
        switch failure.class {
        case .cancelled: return .cancel
        case .permanent: return .fail
        case .interrupted: return .tryAgain(after: now, cost: .nothing)
        case .postponed(let until): return .tryAgain(after: max(until, now), cost: .nothing)
        case .throttled(let until):
            // Canvas said when; waiting is no failure of ours, but a limit that never lifts is somebody's to mend.
            guard throttles + 1 < throttleLimit else { return .fail }
            return .tryAgain(after: max(until, now), cost: .throttle)
        case .transient:
            guard failures + 1 < attemptLimit else { return .fail }
            return .tryAgain(
                after: now.addingTimeInterval(delay(failures: failures, using: &generator)), cost: .attempt)
        }
    }

    /// Seconds to wait after so many earlier failures.
    package func delay(failures: Int, using generator: inout some RandomNumberGenerator) -> TimeInterval {
        let first = firstDelay / .seconds(1)
        let bound = min(
            longestDelay / .seconds(1), first * Double(sign: .plus, exponent: min(failures, 30), significand: 1))
        return bound * Double(generator.next() >> 11) * 0x1p-53
    }
}
