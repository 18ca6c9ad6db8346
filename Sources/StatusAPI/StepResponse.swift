import FoundationEssentials
import Jobs
import Storage

/// A step of a job.
struct StepResponse: Encodable {
    let ordinal: Int
    let kind: String
    let title: String
    let state: String
    let percent: Int
    let reason: String?
    let runAfter: APITime
    let worker: String?
    let failures: Int
    let rescues: Int
    let counts: [String: Int64]
    let errorCode: String?
    let errorMessage: String?
    let startedAt: APITime?
    let finishedAt: APITime?

    init(_ view: StepView) {
        ordinal = view.ordinal
        kind = view.kind
        title = StepKind(rawValue: view.kind)?.title ?? view.kind
        state = view.state.rawValue
        percent = view.percent
        reason = view.explanation
        runAfter = APITime(view.runAfter)
        worker = view.worker
        failures = view.failures
        rescues = view.rescues
        counts = view.counts
        errorCode = view.errorCode
        errorMessage = view.errorMessage
        startedAt = APITime(view.startedAt)
        finishedAt = APITime(view.finishedAt)
    }
}

/// One try at a step.
struct AttemptResponse: Encodable {
    let ordinal: Int
    let token: Int64
    let worker: String
    let startedAt: APITime
    let endedAt: APITime?
    let outcome: String?
    let errorCode: String?
    let errorMessage: String?

    init(_ view: AttemptView) {
        ordinal = view.ordinal
        token = view.token
        worker = view.worker
        startedAt = APITime(view.startedAt)
        endedAt = APITime(view.endedAt)
        outcome = view.outcome
        errorCode = view.errorCode
        errorMessage = view.errorMessage
    }
}

/// A stored file, and where to get it.
struct ArtifactResponse: Encodable {
    let ordinal: Int
    let name: String
    let mediaType: String
    let bytes: Int64
    let sha256: String
    let createdAt: APITime
    let href: String
    /// The same table as JSON; missing where the file is no table.
    let jsonHref: String?

    init(_ view: ArtifactView, job: JobID) {
        ordinal = view.ordinal
        name = view.name
        mediaType = view.mediaType
        bytes = view.bytes
        sha256 = view.hash
        createdAt = APITime(view.createdAt)
        href = view.address(job: job)
        jsonHref = view.isTable ? view.address(job: job) + "?format=json" : nil
    }
}

extension ArtifactView {
    /// The SHA-256 in 64 hexadecimal digits.
    var hash: String {
        let digits = Array("0123456789abcdef")
        return sha256.reduce(into: "") { $0 += "\(digits[Int($1 >> 4)])\(digits[Int($1 & 15)])" }
    }

    /// Whether it can be given out row by row.
    var isTable: Bool { mediaType.hasPrefix("text/csv") }

    func address(job: JobID) -> String {
        "\(StatusRouter.prefix)/jobs/\(job)/steps/\(ordinal)/artifacts/\(PercentEncoding.encode(name))"
    }
}

/// One batch in Canvas.
struct ImportResponse: Encodable {
    let ordinal: Int
    let batch: Int
    let canvasID: String?
    let adopted: Bool
    let workflowState: String?
    let progress: Int
    let submissions: Int
    let submittedAt: APITime?
    let polledAt: APITime?
    let nextPollAt: APITime?
    let endedAt: APITime?
    let answer: CanvasAnswer?

    init(_ view: ImportView) {
        ordinal = view.ordinal
        batch = view.batch
        canvasID = view.canvasID
        adopted = view.adopted
        workflowState = view.workflowState
        progress = view.progress
        submissions = view.submissions
        submittedAt = APITime(view.submittedAt)
        polledAt = APITime(view.polledAt)
        nextPollAt = APITime(view.nextPollAt)
        endedAt = APITime(view.endedAt)
        answer = view.answer.flatMap(CanvasAnswer.init(json:))
    }
}
