package import FoundationEssentials
package import Jobs

/// All that is known of one job.
package struct JobDetailsView: Sendable {
    package let job: JobView
    /// In their order.
    package let steps: [StepView]
    /// By step, then by token.
    package let attempts: [AttemptView]
    /// By step, then by name.
    package let artifacts: [ArtifactView]
    /// By step, then by batch.
    package let imports: [ImportView]
}

/// A step with its progress of this moment.
package struct StepView: Sendable, Hashable {
    /// From 1.
    package let ordinal: Int
    /// A word of `StepKind`, or of a newer program.
    package let kind: String
    package let state: StepState
    /// 0 to 100; keeps its value when the step fails.
    package let percent: Int
    /// A sentence for the operator about a wait, a rescue or an end, as it was written then.
    package let reason: String?
    package let runAfter: Date
    /// Who works on it now; nil unless it is running.
    package let worker: String?
    package let failures: Int
    package let rescues: Int
    /// Numbers by name, such as `users.extracted`.
    package let counts: [String: Int64]
    package let errorCode: String?
    package let errorMessage: String?
    package let startedAt: Date?
    package let finishedAt: Date?
    /// Why a queued step has not begun, worked out at the look, with the reason; nil for other steps.
    package var wait: String?

    /// What to tell an operator about it now.
    package var explanation: String? { wait ?? reason }
}

/// One try at a step.
package struct AttemptView: Sendable, Hashable {
    package let ordinal: Int
    package let token: Int64
    package let worker: String
    package let startedAt: Date
    package let endedAt: Date?
    /// The word of the table's check; nil while it goes on.
    package let outcome: String?
    package let errorCode: String?
    package let errorMessage: String?
}

/// A stored file.
package struct ArtifactView: Sendable, Hashable {
    package let ordinal: Int
    package let name: String
    package let mediaType: String
    package let bytes: Int64
    /// 32 bytes.
    package let sha256: [UInt8]
    package let createdAt: Date
}

/// One batch in Canvas.
package struct ImportView: Sendable, Hashable {
    package let ordinal: Int
    package let batch: Int
    /// Nil until Canvas has named it.
    package let canvasID: String?
    /// True if it was found in Canvas's list after a crash instead of being sent again.
    package let adopted: Bool
    /// Canvas's word.
    package let workflowState: String?
    /// 0 to 100, as Canvas says.
    package let progress: Int
    /// Canvas's last answer, as JSON.
    package let answer: String?
    package let submissions: Int
    package let submittedAt: Date?
    package let polledAt: Date?
    package let nextPollAt: Date?
    package let endedAt: Date?
}
