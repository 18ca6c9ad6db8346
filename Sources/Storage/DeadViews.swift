package import FoundationEssentials
package import Jobs

/// Failures of one cause.
package struct DeadGroupView: Sendable, Hashable {
    /// What the group gathers.
    package enum Source: String, Sendable, Hashable, CaseIterable {
        /// Failed steps.
        case step
        /// What the broker put aside.
        case message
    }

    package let id: Int64
    package let source: Source
    /// A word of `JobKind`, or of a newer program; empty for messages.
    package let jobKind: String
    /// A word of `StepKind`, or of a newer program; the queue for messages.
    package let stepKind: String
    /// The error's code; why the broker put it aside, for messages.
    package let code: String
    /// What the messages have in common.
    package let fingerprint: String
    /// Everything in it has been discarded; a new failure opens it again.
    package let isDiscarded: Bool
    /// All that ever failed so.
    package let total: Int64
    /// Those that are failed now and not discarded, counted up to `DeadStore.countLimit`.
    package let members: Int64
    package let firstAt: Date
    package let lastAt: Date
    package let sampleJob: JobID?
    package let sampleMessage: String
    package let note: String?
    package let assignedTo: String?
}

/// A failed step in its group.
package struct DeadStepView: Sendable, Hashable {
    package let step: StepID
    package let institution: NamedView
    package let integration: NamedView
    package let failedAt: Date
    package let message: String
    package let note: String?
    /// A later job of its integration and kind has been completed: to run this one again would bring old data back.
    package let isOvertaken: Bool
}

/// Something that the broker put aside.
package struct DeadMessageView: Sendable, Hashable {
    package let id: Int64
    package let queue: String
    package let reason: String
    package let deaths: Int64
    package let step: StepID?
    package let problem: String?
    package let bytes: Int64
    package let remark: String
    package let note: String?
    package let receivedAt: Date
}

/// Which members of a group are meant.
package struct DeadScope: Sendable, Hashable {
    package var group: Int64
    /// Slug; nil = all institutions.
    package var institution: String?
    /// Also those of whose integration a later job has been completed; only counts for a retry.
    package var includesOvertaken: Bool

    package init(group: Int64, institution: String? = nil, includesOvertaken: Bool = false) {
        self.group = group
        self.institution = institution
        self.includesOvertaken = includesOvertaken
    }
}

/// What an action would touch, to be looked at before it is confirmed.
package struct DeadPreview: Sendable, Hashable {
    /// What it would touch; to be handed back with the order.
    package let count: Int64
    /// What a retry would leave alone, as a later job of the integration has been completed.
    package let overtaken: Int64

    package init(count: Int64, overtaken: Int64) {
        self.count = count
        self.overtaken = overtaken
    }
}

/// A retry or discard of many, and how far it is.
package struct DeadActionView: Sendable, Hashable {
    /// What is done with the members.
    package enum Verb: String, Sendable, Hashable, CaseIterable {
        case retry
        case discard
    }

    package let id: Int64
    package let group: Int64
    package let verb: Verb
    /// Slug, if it was limited to one.
    package let institution: String?
    package let actor: String
    package let reason: String
    package let total: Int64
    package let done: Int64
    package let begunAt: Date
    /// Nil while maintenance carries it on.
    package let finishedAt: Date?
}
