import Jobs
import Storage

/// What the page of a job offers an operator.
struct JobPageOrders: Sendable {
    struct Step: Sendable {
        let kind: String
        let title: String
    }

    let id: String
    let canCancel: Bool
    let canRetry: Bool
    let canRunAgain: Bool
    /// Canvas listed rows that it refused.
    let canSendRefusedRows: Bool
    /// Steps that a new job may begin with: the first, and each one before which all ended well.
    let steps: [Step]

    init(_ details: JobDetailsView) {
        id = details.job.id.description
        canCancel = !details.job.state.isEnd
        canRetry = details.steps.contains { $0.state == .failed }
        canRunAgain = details.job.state.isEnd
        canSendRefusedRows = details.listsRefusedRows
        let reached = details.steps.prefix { $0.state.letsNextStepBegin }.count
        steps = details.steps.prefix(reached + 1).filter { StepKind(rawValue: $0.kind) != nil }
            .map { Step(kind: $0.kind, title: $0.title) }
    }
}
