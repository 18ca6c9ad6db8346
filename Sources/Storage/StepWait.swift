package import FoundationEssentials

/// Why a queued step has not begun: what its ticket and its institution say, and the sentence for it.
package struct StepWait: Sendable, Hashable {
    /// What keeps the ticket from being rung.
    package struct Pause: Sendable, Hashable {
        /// A word of `PauseStore.Scope`.
        package let scope: String
        package let target: String
        /// Nil until somebody resumes.
        package let until: Date?
        package let reason: String

        package init(scope: String, target: String, until: Date?, reason: String) {
            self.scope = scope
            self.target = target
            self.until = until
            self.reason = reason
        }
    }

    /// The kind of step, whose queue it goes through.
    package var kind: String
    /// Of the message that a worker must be able to read.
    package var version: Int
    package var institution: String
    package var dueAt: Date
    /// The job that must end first, in the letters of its id.
    package var afterJob: String?
    package var rungAt: Date?
    /// Bells that nobody answered.
    package var unanswered = 0
    /// The one that holds the longest.
    package var pause: Pause?
    /// Steps that the institution may have in flight; nil for no limit.
    package var limit: Int?
    /// Steps that it has in flight; 0 where there is no limit.
    package var inFlight = 0
    /// As it was last drawn on; nil for no limit.
    package var bucket: OutboxStore.Lane.Bucket?

    package init(kind: String, version: Int, institution: String, dueAt: Date) {
        self.kind = kind
        self.version = version
        self.institution = institution
        self.dueAt = dueAt
    }

    /// What an operator is told: a stored reason alone until the time that it names, then with the cause behind it.
    package func explanation(stored: String?, at now: Date) -> String {
        guard let stored, !stored.isEmpty else { return sentence(at: now) }
        return dueAt > now && rungAt == nil && afterJob == nil ? stored : "\(stored) \(sentence(at: now))"
    }

    /// The first cause that holds, in the order in which the dispatcher asks. What was rung before a pause is not taken
    /// either.
    package func sentence(at now: Date) -> String {
        if let rungAt, pause == nil {
            let bells = unanswered == 0 ? "" : " Nobody came for \(unanswered) earlier bells."
            return """
                Rung at \(Self.clock(rungAt)) and not taken yet: no worker that takes \(kind) steps of message version \
                \(version) has a free slot, or none runs.\(bells)
                """
        }
        if let afterJob { return "Waits until job \(afterJob) has ended." }
        if dueAt > now { return "Waits until \(Self.clock(dueAt))." }
        if let pause {
            let end = pause.until.map { "until \(Self.clock($0))" } ?? "until somebody resumes it"
            return "Waits: \(pause.scope) \(pause.target) is paused \(end): \(pause.reason)"
        }
        if let limit, inFlight >= limit {
            return "Waits: \(institution) has \(inFlight) steps in flight, and may have \(limit) at once."
        }
        if let bucket, let next = Self.next(bucket, at: now) {
            return """
                Waits: \(institution) may begin \(bucket.perMinute) steps a minute; the next may begin at \
                \(Self.clock(next)).
                """
        }
        return "Waits for its turn among the steps that are due."
    }

    /// When the bucket holds a token again; nil if it does now.
    private static func next(_ bucket: OutboxStore.Lane.Bucket, at now: Date) -> Date? {
        let tokens = max(0, bucket.tokens)
        let since = max(0, now.timeIntervalSince(bucket.refilledAt))
        let missing = (1 - tokens) * 60 / Double(bucket.perMinute) - since
        return missing > 0 ? now.addingTimeInterval(missing) : nil
    }

    /// The next full second, since a wait is never over before it.
    private static func clock(_ date: Date) -> String {
        let second = Date(timeIntervalSince1970: date.timeIntervalSince1970.rounded(.up))
        return "\(second.formatted(Date.ISO8601FormatStyle(dateTimeSeparator: .space)).dropLast()) UTC"
    }
}
