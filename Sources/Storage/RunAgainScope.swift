import FoundationEssentials
package import Jobs

/// What a new job begins with that goes on from an old one.
package enum RunAgainScope: Sendable, Hashable {
    /// This step. All before it must have ended well in the old job.
    case step(StepKind)
    /// The import, with the rows alone that Canvas refused in the old job.
    case refusedRows

    /// The step that the new job begins with.
    package var first: StepKind {
        switch self {
        case .step(let kind): kind
        case .refusedRows: .importBatch
        }
    }

    /// The new job's sentence about its first step.
    func reason(_ origin: JobID) -> String {
        switch self {
        case .step: "Begun here after job \(origin)."
        case .refusedRows: "Only the rows that Canvas refused in job \(origin)."
        }
    }

    /// For the audit.
    func words(job: JobID) -> [String: String] {
        switch self {
        case .step(let kind): ["job": job.description, "from": kind.rawValue]
        case .refusedRows: ["job": job.description, "from": first.rawValue, "rows": "refused"]
        }
    }
}

extension JobDetailsView {
    /// Whether Canvas listed rows that it refused, so that a new job can send them again: the job has ended, and the
    /// list is that of the last import.
    package var listsRefusedRows: Bool {
        guard job.state.isEnd, let step = steps.last(where: { $0.kind == StepKind.importBatch.rawValue }),
            let list = artifacts.first(where: { $0.ordinal == step.ordinal && $0.name == ArtifactName.canvasErrors })
        else { return false }
        return imports.allSatisfy { $0.ordinal != step.ordinal || ($0.submittedAt ?? .distantPast) <= list.createdAt }
    }
}
