import Jobs
import Storage

/// A group of failures.
struct DeadGroupResponse: Encodable {
    let id: Int64
    let source: String
    let jobKind: String
    let stepKind: String
    let code: String
    let fingerprint: String
    let state: String
    let members: Int64
    let total: Int64
    let firstAt: APITime
    let lastAt: APITime
    let sampleJob: String?
    let sampleMessage: String
    let note: String?
    let assignedTo: String?
    let href: String

    init(_ view: DeadGroupView) {
        id = view.id
        source = view.source.rawValue
        jobKind = view.jobKind
        stepKind = view.stepKind
        code = view.code
        fingerprint = view.fingerprint
        state = view.isDiscarded ? "discarded" : "open"
        members = view.members
        total = view.total
        firstAt = APITime(view.firstAt)
        lastAt = APITime(view.lastAt)
        sampleJob = view.sampleJob?.description
        sampleMessage = view.sampleMessage
        note = view.note
        assignedTo = view.assignedTo
        href = "\(StatusRouter.prefix)/dead/\(view.id)"
    }
}

/// A failed step in its group.
struct DeadStepResponse: Encodable {
    let jobID: String
    let ordinal: Int16
    let institution: JobResponse.Named
    let integration: JobResponse.Named
    let failedAt: APITime
    let message: String
    let note: String?
    let isOvertaken: Bool

    init(_ view: DeadStepView) {
        jobID = view.step.job.description
        ordinal = view.step.ordinal
        institution = JobResponse.Named(view.institution)
        integration = JobResponse.Named(view.integration)
        failedAt = APITime(view.failedAt)
        message = view.message
        note = view.note
        isOvertaken = view.isOvertaken
    }
}

/// Something that the broker put aside.
struct DeadMessageResponse: Encodable {
    let id: Int64
    let queue: String
    let reason: String
    let deaths: Int64
    let step: String?
    let problem: String?
    let bytes: Int64
    let remark: String
    let note: String?
    let receivedAt: APITime

    init(_ view: DeadMessageView) {
        id = view.id
        queue = view.queue
        reason = view.reason
        deaths = view.deaths
        step = view.step?.description
        problem = view.problem
        bytes = view.bytes
        remark = view.remark
        note = view.note
        receivedAt = APITime(view.receivedAt)
    }
}

/// A retry or discard of many, and how far it is.
struct DeadActionResponse: Encodable {
    let id: Int64
    let verb: String
    let institution: String?
    let actor: String
    let reason: String
    let total: Int64
    let done: Int64
    let begunAt: APITime
    let finishedAt: APITime?

    init(_ view: DeadActionView) {
        id = view.id
        verb = view.verb.rawValue
        institution = view.institution
        actor = view.actor
        reason = view.reason
        total = view.total
        done = view.done
        begunAt = APITime(view.begunAt)
        finishedAt = APITime(view.finishedAt)
    }
}

/// All about one group: its first members, and what was done with it.
struct DeadGroupDetailsResponse: Encodable {
    let group: DeadGroupResponse
    let steps: [DeadStepResponse]
    let messages: [DeadMessageResponse]
    let hasMore: Bool
    let actions: [DeadActionResponse]
}

/// What an action would touch.
struct DeadPreviewResponse: Encodable {
    let count: Int64
    let overtaken: Int64
}
