/// What travels on the broker: a doorbell. It names a step and carries neither data nor secrets; the truth is the
/// step's row in Postgres, so a lost or doubled message does no harm.
package struct StepMessage: Sendable, Hashable {
    /// The version that this program writes; schemas/messages holds its JSON Schema.
    package static let currentVersion = 1

    package let job: JobID
    /// Position of the step in its job, from 1.
    package let ordinal: Int16
    package let kind: StepKind
    /// W3C trace context of the enqueuing span, if there was one.
    package let traceParent: String?

    package init(job: JobID, ordinal: Int16, kind: StepKind, traceParent: String? = nil) {
        self.job = job
        self.ordinal = ordinal
        self.kind = kind
        self.traceParent = traceParent
    }

    /// The step that the message names.
    package var step: StepID { StepID(job: job, ordinal: ordinal) }
}

/// The name of a step: its job, and its position in it from 1.
package struct StepID: Sendable, Hashable, CustomStringConvertible {
    package let job: JobID
    package let ordinal: Int16

    package init(job: JobID, ordinal: Int16) {
        self.job = job
        self.ordinal = ordinal
    }

    package var description: String { "\(job)/\(ordinal)" }
}
