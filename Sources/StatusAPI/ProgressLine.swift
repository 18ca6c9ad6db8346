import Jobs

/// One of the three lines at the top of a job: how far a step is, by the rules that its readers know.
///
/// | step | shown |
/// |---|---|
/// | not begun, or skipped | nothing |
/// | at work, waiting, held, or about to be tried again | `n %` |
/// | done | `Complete` |
/// | done, with warnings | `Complete, with warnings` |
/// | failed, cancelled | `Failed at n %`, `Cancelled at n %` |
struct ProgressLine: Sendable, Hashable {
    let title: String
    /// False: neither a bar nor a word.
    let isShown: Bool
    /// 0 to 100; the length of the bar.
    let percent: Int
    let label: String
    /// For the style sheet: `active`, `done`, `warned`, `failed` or `cancelled`.
    let look: String
    /// The operator's sentence about the step.
    let reason: String?

    /// - Parameter hasBegun: whether any attempt was made.
    init(title: String, state: StepState, percent: Int, hasBegun: Bool, reason: String? = nil) {
        self.title = title
        self.reason = reason.flatMap { $0.isEmpty ? nil : $0 }
        switch state {
        case .pending, .skipped:
            (isShown, self.percent, label, look) = (false, 0, "", "")
        case .queued:
            (isShown, self.percent, label, look) =
                hasBegun ? (true, percent, "\(percent)\u{A0}%", "active") : (false, 0, "", "")
        case .running, .waiting, .held:
            (isShown, self.percent, label, look) = (true, percent, "\(percent)\u{A0}%", "active")
        case .completed:
            (isShown, self.percent, label, look) = (true, 100, "Complete", "done")
        case .completedWithWarnings:
            (isShown, self.percent, label, look) = (true, 100, "Complete, with warnings", "warned")
        case .failed:
            (isShown, self.percent, label, look) = (true, percent, "Failed at \(percent)\u{A0}%", "failed")
        case .cancelled:
            (isShown, self.percent, label, look) =
                hasBegun ? (true, percent, "Cancelled at \(percent)\u{A0}%", "cancelled") : (false, 0, "", "")
        }
    }
}
