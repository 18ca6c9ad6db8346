/// What travels on the broker: a doorbell. It names a step and carries neither data nor secrets; the truth is the
/// step's row in Postgres, so a lost or doubled message does no harm.
package struct StepMessage: Sendable, Hashable {
    /// The version that this program writes where nobody says otherwise; schemas/messages holds its JSON Schema.
    package static let currentVersion: Int16 = 1

    package let job: JobID
    /// Position of the step in its job, from 1.
    package let ordinal: Int16
    package let kind: StepKind
    /// What the step's handler must understand, from 1. Each version of a kind has a queue of its own, so a worker is
    /// never handed one that it does not read.
    package let version: Int16
    /// W3C trace context of the enqueuing span, if there was one.
    package let traceParent: String?

    package init(
        job: JobID, ordinal: Int16, kind: StepKind, version: Int16 = StepMessage.currentVersion,
        traceParent: String? = nil
    ) {
        self.job = job
        self.ordinal = ordinal
        self.kind = kind
        self.version = version
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
