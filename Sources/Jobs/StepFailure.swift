package import FoundationEssentials

/// Why an attempt did not succeed, classed where it happened, so that nobody has to guess from its text later.
package struct StepFailure: Error, Sendable {
    /// What may mend it.
    package enum Class: Sendable, Hashable {
        /// Another try, after a backoff.
        case transient
        /// Another try, not before this time.
        case throttled(until: Date)
        /// Another look at this time: what has to be known first cannot be known yet. It costs no try.
        case postponed(until: Date)
        /// Nothing but a person: a setting, a file, a permission.
        case permanent
        /// Somebody stopped it.
        case cancelled
        /// The process drains or lost its lease: no fault of the step's, and it costs no try.
        case interrupted
    }

    package let `class`: Class
    /// Stable and short, such as `roster.unreadable`; failures are grouped by it.
    package let code: String
    /// What failed, on what, and what to do: a sentence or two for the operator, without personal data.
    package let message: String

    package init(_ class: Class, code: String, message: String) {
        self.class = `class`
        self.code = code
        self.message = message
    }
}

extension StepFailure: CustomStringConvertible {
    package var description: String { "\(code): \(message)" }
}
