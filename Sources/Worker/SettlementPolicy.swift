package import FoundationEssentials
package import Jobs
package import Storage

/// What is written when an attempt is over: pure, a row of a table for each way to end.
package enum SettlementPolicy {
    /// The ending of an attempt that returned an outcome.
    package static func ending(of lease: StepLease, outcome: StepOutcome) -> StepEnding? {
        switch outcome {
        case .completed(let result):
            return StepEnding(lease, event: .complete, outcome: .completed, result: result)
        case .completedWithWarnings(let result):
            return StepEnding(lease, event: .completeWithWarnings, outcome: .completed, result: result)
        case .skipped(let reason):
            return StepEnding(lease, event: .skip, outcome: .completed, result: StepResult(reason: reason))
        case .waiting(let result):
            return StepEnding(lease, event: .await, outcome: .waiting, result: result)
        case .held(var result, let reason):
            result.reason = reason
            return StepEnding(lease, event: .hold, outcome: .held, result: result)
        }
    }

    /// The ending of an attempt that failed.
    ///
    /// - Parameters:
    ///   - failures: how often the step had failed before.
    ///   - throttles: how often it had been told to come later.
    package static func ending(
        of lease: StepLease, failure: StepFailure, failures: Int, throttles: Int = 0, retries: RetryPolicy, now: Date,
        using generator: inout some RandomNumberGenerator
    ) -> StepEnding? {
        var ending: StepEnding?
        switch retries.decision(on: failure, failures: failures, throttles: throttles, now: now, using: &generator) {
        case .tryAgain(let after, let cost):
            ending = StepEnding(
                lease, event: cost == .attempt ? .retry : .interrupt,
                outcome: failure.class == .interrupted ? .interrupted : .retry)
            // What a drain hands back has waited its turn already: due only now, it would go behind its institution's
            // backlog, as a rescued step would.
            ending?.runAfter = failure.class == .interrupted ? nil : after
            ending?.cost = cost
            ending?.result.reason =
                switch cost {
                case .throttle:
                    "Throttled until \(clock(after)) UTC, attempt \(throttles + 1) of \(retries.throttleLimit): \(failure.message)"
                case .nothing, .attempt:
                    reason(failure, after: after, tries: failures + 1, limit: retries.attemptLimit)
                }
        case .fail:
            ending = StepEnding(lease, event: .fail, outcome: .failed)
            if failure.class == .transient { ending?.result.reason = "Gave up after \(failures + 1) tries." }
            if case .throttled = failure.class {
                ending?.result.reason = "Gave up after being told \(throttles + 1) times to come later."
            }
        case .cancel:
            ending = StepEnding(lease, event: .cancel, outcome: .cancelled)
        }
        ending?.errorCode = failure.code
        ending?.errorMessage = failure.message
        return ending
    }

    private static func reason(_ failure: StepFailure, after: Date, tries: Int, limit: Int) -> String {
        switch failure.class {
        case .postponed: "\(failure.message) Looks again at \(clock(after)) UTC; this costs no try."
        case .interrupted: "Handed back by a worker that is shutting down; it goes on at once."
        default: "Failed, to be tried again at \(clock(after)) UTC (try \(tries) of \(limit)): \(failure.message)"
        }
    }

    private static func clock(_ date: Date) -> String {
        let second = Int(date.timeIntervalSince1970.rounded(.up)) % 86_400
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(padded(second / 3600)):\(padded(second / 60 % 60)):\(padded(second % 60))"
    }
}
