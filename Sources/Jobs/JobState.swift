/// How a job stands, in the words that people see.
package enum JobState: String, Sendable, Hashable, CaseIterable {
    case inProgress = "in_progress"
    case held
    case completed
    case warning
    case failed
    case cancelled

    /// The label on pages, in the terminal and in exports.
    package var title: String {
        switch self {
        case .inProgress: "In Progress"
        case .held: "Held"
        case .completed: "Completed"
        case .warning: "Warning"
        case .failed: "Failed"
        case .cancelled: "Cancelled"
        }
    }

    /// True once the job will not go on by itself and nobody is asked to decide.
    package var isEnd: Bool {
        switch self {
        case .inProgress, .held: false
        case .completed, .warning, .failed, .cancelled: true
        }
    }

    /// The job's state as its steps decide it, in their order; a job without steps is complete.
    ///
    /// A failure outranks a cancellation, both outrank a hold, and a job is only done when each step has ended.
    package init(steps: [StepState]) {
        if steps.contains(.failed) {
            self = .failed
        } else if steps.contains(.cancelled) {
            self = .cancelled
        } else if steps.contains(.held) {
            self = .held
        } else if steps.contains(where: { !$0.isEnd }) {
            self = .inProgress
        } else {
            self = steps.contains(.completedWithWarnings) ? .warning : .completed
        }
    }
}
