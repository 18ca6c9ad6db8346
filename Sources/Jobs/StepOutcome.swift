/// How an attempt ended, as its handler says.
package enum StepOutcome: Sendable {
    case completed(StepResult)
    /// Done, but rows were left out or refused; `StepResult.reason` says so in words.
    case completedWithWarnings(StepResult)
    case skipped(reason: String)
    /// Canvas has the import; the poller ends the step.
    case waiting(StepResult)
    /// A person has to decide.
    case held(StepResult, reason: String)
}

/// What an attempt leaves behind; written in the same transaction as its end.
package struct StepResult: Sendable {
    /// Numbers by name, such as `users.extracted`; shown on the job's page.
    package var counts: [String: Int64]
    package var artifacts: [ArtifactRecord]
    /// A sentence for the operator, if there is something to say.
    package var reason: String?

    package init(counts: [String: Int64] = [:], artifacts: [ArtifactRecord] = [], reason: String? = nil) {
        self.counts = counts
        self.artifacts = artifacts
        self.reason = reason
    }
}

/// A stored file of a step.
package struct ArtifactRecord: Sendable, Hashable, Codable {
    /// Unique within the step, with its extension, such as `users.csv`.
    package let name: String
    package let mediaType: String
    package let bytes: Int64
    /// 32 bytes.
    package let sha256: [UInt8]

    package init(name: String, mediaType: String, bytes: Int64, sha256: [UInt8]) {
        self.name = name
        self.mediaType = mediaType
        self.bytes = bytes
        self.sha256 = sha256
    }
}
