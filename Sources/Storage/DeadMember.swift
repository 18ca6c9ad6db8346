package import Jobs

/// One member of a group of failures, as commands and pages name it.
package enum DeadMember: Sendable, Hashable, CustomStringConvertible {
    /// A failed step: `0192…/2`.
    case step(StepID)
    /// Something that the broker put aside: `41`.
    case message(Int64)

    /// Reads what `description` wrote; nil if it is anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        switch parts.count {
        case 1:
            guard let id = Int64(parts[0]), id > 0 else { return nil }
            self = .message(id)
        case 2:
            guard let job = JobID(String(parts[0])), let ordinal = Int16(parts[1]), ordinal > 0 else { return nil }
            self = .step(StepID(job: job, ordinal: ordinal))
        default: return nil
        }
    }

    package var description: String {
        switch self {
        case .step(let step): step.description
        case .message(let id): String(id)
        }
    }

    /// The name under which it stands in the audit.
    var subject: String {
        switch self {
        case .step(let step): "job \(step.job) step \(step.ordinal)"
        case .message(let id): "dead message \(id)"
        }
    }
}
