import Jobs
import Storage

/// Values of `dead.html`.
struct DeadListPage: Sendable {
    struct Row: Sendable {
        let href: String
        let pattern: String
        let what: String
        let code: String
        let members: String
        let total: String
        let last: ZonedTime
        let assignedTo: String?
        let isDiscarded: Bool
    }

    let title = "Failures"
    let refreshSeconds: Int? = 10
    let rows: [Row]
    let isEmpty: Bool
    let isAll: Bool

    init(_ page: PageView<DeadGroupView>, isAll: Bool) {
        rows = page.rows.map(Row.init)
        isEmpty = rows.isEmpty
        self.isAll = isAll
    }
}

extension DeadListPage.Row {
    init(_ group: DeadGroupView) {
        href = "/dead/\(group.id)"
        pattern = group.fingerprint.isEmpty ? group.code : group.fingerprint
        what = DeadWords.what(group)
        code = group.code
        members = DeadWords.members(group)
        total = PageWords.number(group.total)
        last = ZonedTime(group.lastAt, zone: nil)
        assignedTo = group.assignedTo
        isDiscarded = group.isDiscarded
    }
}

/// The words that pages use for failures.
enum DeadWords {
    static func what(_ group: DeadGroupView) -> String {
        if group.source == .message { return "Message from \(group.stepKind)" }
        let step = StepKind(rawValue: group.stepKind)?.title ?? group.stepKind
        return "\(PageWords.jobKind(group.jobKind)), \(step)"
    }

    static func members(_ group: DeadGroupView) -> String {
        let isMore = group.members >= DeadStore.countLimit
        return PageWords.number(group.members) + (isMore ? " or more" : "")
    }
}

/// Values of `dead-group.html`.
struct DeadGroupPage: Sendable {
    struct Step: Sendable {
        let href: String
        let job: String
        let integration: String
        let institution: String
        let failed: ZonedTime
        let message: String
        /// Not `note`: where it is nil, the template would show the group's.
        let ownNote: String?
        let isOvertaken: Bool
        /// Where orders about this one go.
        let orders: String
    }

    struct Message: Sendable {
        let received: ZonedTime
        let step: String?
        let href: String?
        let problem: String?
        let remark: String
        let deaths: Int64
        let ownNote: String?
        let orders: String
    }

    struct Action: Sendable {
        let verb: String
        let actor: String
        let reason: String
        let begun: ZonedTime
        let progress: String
        let percent: Int64
        let isFinished: Bool
    }

    let title: String
    let refreshSeconds: Int?
    let id: Int64
    let what: String
    let code: String
    let members: String
    let total: String
    let first: ZonedTime
    let last: ZonedTime
    let sample: String
    let note: String?
    let assignedTo: String?
    let isDiscarded: Bool
    let isOfSteps: Bool
    let hasMembers: Bool
    let steps: [Step]
    let hasSteps: Bool
    let messages: [Message]
    let hasMessages: Bool
    let hasMore: Bool
    let actions: [Action]
    let hasActions: Bool
    let offersChanges: Bool
    let jsonHref: String

    init(_ contents: DeadGroupContents, offersChanges: Bool) {
        let group = contents.group
        title = group.fingerprint.isEmpty ? group.code : group.fingerprint
        refreshSeconds = contents.actions.contains { $0.finishedAt == nil } ? 5 : nil
        id = group.id
        what = DeadWords.what(group)
        code = group.code
        members = DeadWords.members(group)
        total = PageWords.number(group.total)
        first = ZonedTime(group.firstAt, zone: nil)
        last = ZonedTime(group.lastAt, zone: nil)
        sample = group.sampleMessage
        note = group.note
        assignedTo = group.assignedTo
        isDiscarded = group.isDiscarded
        isOfSteps = group.source == .step
        hasMembers = group.members > 0
        steps = contents.steps.map {
            Step(
                href: "/jobs/\($0.step.job)", job: $0.step.job.description, integration: $0.integration.name,
                institution: $0.institution.name, failed: ZonedTime($0.failedAt, zone: nil), message: $0.message,
                ownNote: $0.note, isOvertaken: $0.isOvertaken,
                orders: "/dead/\(group.id)/steps/\($0.step.job)/\($0.step.ordinal)")
        }
        hasSteps = !steps.isEmpty
        messages = contents.messages.map {
            Message(
                received: ZonedTime($0.receivedAt, zone: nil), step: $0.step?.description,
                href: $0.step.map { "/jobs/\($0.job)" }, problem: $0.problem, remark: $0.remark, deaths: $0.deaths,
                ownNote: $0.note, orders: "/dead/\(group.id)/messages/\($0.id)")
        }
        hasMessages = !messages.isEmpty
        hasMore = contents.hasMore
        actions = contents.actions.map {
            Action(
                verb: $0.verb == .retry ? "Run again" : "Discarded", actor: $0.actor, reason: $0.reason,
                begun: ZonedTime($0.begunAt, zone: nil),
                progress: "\(PageWords.number($0.done)) of \(PageWords.number($0.total))",
                percent: $0.total == 0 ? 100 : $0.done * 100 / $0.total, isFinished: $0.finishedAt != nil)
        }
        hasActions = !actions.isEmpty
        self.offersChanges = offersChanges
        jsonHref = "\(StatusRouter.prefix)/dead/\(group.id)"
    }
}

/// Values of `dead-confirm.html`: what an order would touch, before it is given.
struct DeadConfirmPage: Sendable {
    let title: String
    let refreshSeconds: Int? = nil
    let id: Int64
    let pattern: String
    let verb: String
    let isRetry: Bool
    let count: Int64
    let counted: String
    let isNone: Bool
    let institution: String?
    let overtaken: String?
    let includesOvertaken: Bool
    /// The same at the command line.
    let command: String
    let offersChanges: Bool

    init(
        _ group: DeadGroupView, _ verb: DeadActionView.Verb, _ scope: DeadScope, _ preview: DeadPreview,
        offersChanges: Bool
    ) {
        title = verb == .retry ? "Run again?" : "Discard?"
        id = group.id
        pattern = group.fingerprint
        self.verb = verb.rawValue
        isRetry = verb == .retry
        count = preview.count
        counted = PageWords.counted(preview.count, group.source == .step ? "failed step" : "message")
        isNone = preview.count == 0
        institution = scope.institution
        overtaken = preview.overtaken > 0 ? PageWords.counted(preview.overtaken, "failed step") : nil
        includesOvertaken = scope.includesOvertaken
        command = [
            "rosterline dead \(verb.rawValue) \(group.id) --expect \(preview.count) --reason '…'",
            scope.institution.map { "--institution \($0)" }, scope.includesOvertaken ? "--overtaken" : nil,
        ].compactMap(\.self).joined(separator: " ")
        self.offersChanges = offersChanges
    }
}
