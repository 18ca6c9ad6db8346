import FoundationEssentials
package import Jobs

/// Reads the history of a run and says what must never have happened. Pure, so each rule is tested with a history that
/// breaks it.
///
/// A lease is valid from its claim until it ends or, if that is earlier, until the moment to which it was last renewed.
/// An attempt may die after its effect and before its end; the next one then repeats the effect under a token of its
/// own. That is counted, and is no fault. What must not be: an effect outside a valid lease, two attempts of a step
/// that both count as completed, or a step that anything happens to after it has ended well.
package enum HistoryChecker {
    /// A rule that was broken.
    package enum Rule: String, Sendable, Hashable, CaseIterable {
        /// A step was claimed or rescued while somebody's lease was valid, or written by somebody who did not hold it.
        case overlap = "leases overlap"
        /// A claim's token was not greater than those before.
        case token = "a token did not grow"
        /// An effect came outside a valid lease of its token.
        case effect = "an effect outside its lease"
        /// A second attempt of the step completed, there was an effect after one had, or an attempt did its work twice
        /// or after its end.
        case doubled = "done twice"
        /// A step counts as completed, and its work has not been done.
        case missing = "completed without its effect"
        /// An effect after the job had been cancelled.
        case afterCancel = "an effect after the cancellation"
        /// A job began before the one it was to follow had ended.
        case order = "out of order"
        /// A job has not ended.
        case lost = "a job was lost"
        /// A ticket was left in the outbox though nothing is queued or running.
        case ticket = "a ticket was left over"
        /// A stored file that no row names, or a row whose file is not there.
        case artifact = "an artifact without its other half"
    }

    /// One breach, with where it was.
    package struct Violation: Sendable, Hashable, CustomStringConvertible {
        package let rule: Rule
        package let detail: String

        package init(_ rule: Rule, _ detail: String) {
            self.rule = rule
            self.detail = detail
        }

        package var description: String { "\(rule.rawValue): \(detail)" }
    }

    /// Checks the history of all steps.
    ///
    /// - Parameters:
    ///   - events: in any order; sorted by their sequence here.
    ///   - expectsEffects: false where the steps' work is not that of the toy worker, which writes effects.
    package static func violations(in events: [HistoryEvent], expectsEffects: Bool = true) -> [Violation] {
        var steps: [StepID: StepHistory] = [:]
        for event in events.sorted(by: { $0.sequence < $1.sequence }) {
            guard let step = event.step else { continue }
            if event.what == .cancelRequest { continue }
            steps[step, default: StepHistory(step: step, expectsEffects: expectsEffects)].take(event)
        }
        return steps.values.sorted { $0.step.description < $1.step.description }.flatMap(\.violations)
    }
}

extension HistoryChecker {
    /// Checks that each job of a chain was first claimed after the one before it had ended.
    package static func disorder(of chains: [[JobID]], in events: [HistoryEvent]) -> [Violation] {
        var begins: [JobID: Int64] = [:]
        var ends: [JobID: Int64] = [:]
        for event in events.sorted(by: { $0.sequence < $1.sequence }) {
            guard let job = event.step?.job else { continue }
            if event.what == .claim { begins[job] = begins[job] ?? event.sequence }
            if event.what == .finish { ends[job] = event.sequence }
        }
        return chains.flatMap { chain in
            zip(chain, chain.dropFirst()).compactMap { earlier, later in
                guard let begin = begins[later], begin < ends[earlier] ?? .max else { return nil }
                return Violation(.order, "job \(later) began before \(earlier) had ended")
            }
        }
    }
}

/// What is known of one step while its events pass by.
private struct StepHistory {
    struct Lease {
        let token: Int64
        let writer: String?
        let from: Date
        var until: Date
    }

    let step: StepID
    let expectsEffects: Bool
    private(set) var violations: [HistoryChecker.Violation] = []
    private var lease: Lease?
    private var greatestToken: Int64 = 0
    private var attempts: Set<Int64> = []
    private var ended: Set<Int64> = []
    private var effects: Set<Int64> = []
    private var hasCompleted = false
    private var isCancelled = false

    init(step: StepID, expectsEffects: Bool) {
        self.step = step
        self.expectsEffects = expectsEffects
    }

    mutating func take(_ event: HistoryEvent) {
        switch event.what {
        case .claim: claim(event)
        case .renew:
            requireHeld(event, "renewed")
            lease?.until = event.leasedUntil ?? event.at
        case .attempt: attempt(event)
        case .effect: effect(event)
        case .finish: finish(event)
        case .rescue:
            if let lease, event.at < lease.until { breach(.overlap, event, "rescued while its lease was valid") }
            lease = nil
        case .fence:
            lease = nil
            isCancelled = true
        case .move: move(event)
        case .refused, .cancelRequest, .kill: break
        }
    }

    private mutating func claim(_ event: HistoryEvent) {
        if let lease { breach(.overlap, event, "claimed while token \(lease.token) held it") }
        if hasCompleted { breach(.doubled, event, "claimed after it had completed") }
        if event.token <= greatestToken { breach(.token, event, "after \(greatestToken)") }
        greatestToken = max(greatestToken, event.token)
        lease = Lease(
            token: event.token, writer: event.writer, from: event.at, until: event.leasedUntil ?? event.at)
    }

    /// The row carries the holder's token, so one who writes without looking at it is told by its connection.
    private mutating func requireHeld(_ event: HistoryEvent, _ word: String) {
        guard let lease, lease.token == event.token else {
            return breach(.overlap, event, "\(word) though it is not held")
        }
        if let holder = lease.writer, let writer = event.writer, writer != holder {
            breach(.overlap, event, "\(word) by \(writer) though \(holder) holds it")
        }
    }

    private mutating func attempt(_ event: HistoryEvent) {
        if event.token > greatestToken { breach(.token, event, "nobody has claimed it") }
        if !attempts.insert(event.token).inserted { breach(.doubled, event, "twice in one attempt") }
        if ended.contains(event.token) { breach(.doubled, event, "after the attempt had ended") }
    }

    private mutating func effect(_ event: HistoryEvent) {
        if isCancelled { breach(.afterCancel, event, "") }
        if hasCompleted { breach(.doubled, event, "after it had completed") }
        guard let lease, lease.token == event.token, event.at >= lease.from, event.at <= lease.until else {
            return breach(.effect, event, "the lease is \(lease.map { "token \($0.token)" } ?? "nobody's")")
        }
        if !effects.insert(event.token).inserted { breach(.doubled, event, "twice in one attempt") }
    }

    /// A step that waited on Canvas ends without a lease; the poller's write names the token of the attempt.
    private mutating func move(_ event: HistoryEvent) {
        switch event.state {
        case "cancelled": isCancelled = true
        case "completed", "completed_with_warnings":
            if hasCompleted { breach(.doubled, event, "completed again") }
            hasCompleted = true
        default: break
        }
    }

    private mutating func finish(_ event: HistoryEvent) {
        requireHeld(event, "ended")
        lease = nil
        ended.insert(event.token)
        switch event.state {
        case "completed", "completed_with_warnings":
            if hasCompleted { breach(.doubled, event, "completed again") }
            if expectsEffects, !effects.contains(event.token) { breach(.missing, event, "") }
            hasCompleted = true
        case "cancelled": isCancelled = true
        default: break
        }
    }

    private mutating func breach(_ rule: HistoryChecker.Rule, _ event: HistoryEvent, _ words: String) {
        violations.append(
            .init(rule, "step \(step), \(event.what.rawValue) #\(event.sequence), token \(event.token) \(words)"))
    }
}
