import FoundationEssentials
import Jobs
import Storage

/// Values of `job.html`.
struct JobPage: Sendable {
    struct Attempt: Sendable {
        let step: String
        let number: Int
        let worker: String
        let started: ZonedTime
        /// Empty while it goes on.
        let took: String
        let outcome: String
        let message: String?
    }

    struct File: Sendable {
        let step: String
        let name: String
        let size: String
        let hash: String
        let shortHash: String
        let href: String
        let tableHref: String?
    }

    struct Import: Sendable {
        let canvasID: String
        let state: String
        let progress: Int
        let wasAdopted: Bool
        let polled: ZonedTime?
        let nextPoll: ZonedTime?
        let messages: [CanvasAnswer.Message]
    }

    struct Note: Sendable {
        let step: String
        let text: String
        let code: String?
        /// For the style sheet: `failed` or `plain`.
        let look: String
    }

    let title: String
    let refreshSeconds: Int?
    let id: String
    let kind: String
    let postedBy: String
    let institution: String
    let integration: String
    let status: String
    let state: String
    let created: ZonedTime
    let updated: ZonedTime
    let finished: ZonedTime?
    let took: String?
    let lines: [ProgressLine]
    let notes: [Note]
    let hasNotes: Bool
    let source: CountsTable
    let canvas: CountsTable
    let issues: IssuesTable
    let imports: [Import]
    let hasImports: Bool
    let attempts: [Attempt]
    let hasAttempts: Bool
    let files: [File]
    let hasFiles: Bool
    let jsonHref: String
    /// Nil where the page offers none.
    let orders: JobPageOrders?

    init(_ details: JobDetailsView, offersChanges: Bool = false) {
        let job = details.job
        let zone = job.timeZone
        title = "\(PageWords.jobKind(job.kind)) of \(job.integration.name)"
        refreshSeconds = job.state.isEnd ? nil : 5
        id = job.id.description
        kind = PageWords.jobKind(job.kind)
        postedBy = job.postedBy
        institution = job.institution.name
        integration = job.integration.name
        status = job.state.title
        state = job.state.rawValue
        created = ZonedTime(job.createdAt, zone: zone)
        updated = ZonedTime(job.updatedAt, zone: zone)
        finished = job.finishedAt.map { ZonedTime($0, zone: zone) }
        took = job.finishedAt.map { PageWords.duration($0.timeIntervalSince(job.createdAt)) }
        lines = Self.lines(details.steps)
        notes = Self.notes(details.steps)
        hasNotes = !notes.isEmpty
        source = .source(details.steps)
        canvas = .canvas(
            details.steps,
            answers: Self.latest(details.imports).compactMap { $0.answer.flatMap(CanvasAnswer.init(json:)) })
        issues = IssuesTable(steps: details.steps)
        imports = details.imports.map { Import($0, zone: zone) }
        hasImports = !imports.isEmpty
        let titles = Dictionary(details.steps.map { ($0.ordinal, $0.title) }) { first, _ in first }
        attempts = Self.attempts(details.attempts, titles: titles, notes: notes, zone: zone)
        hasAttempts = !attempts.isEmpty
        files = details.artifacts.map { File($0, job: job.id, step: titles[$0.ordinal] ?? "") }
        hasFiles = !files.isEmpty
        jsonHref = "\(StatusRouter.prefix)/jobs/\(job.id)"
        orders = offersChanges ? JobPageOrders(details) : nil
    }

    /// The last batch of each step; those before it were ended, and sent again.
    private static func latest(_ imports: [ImportView]) -> [ImportView] {
        Dictionary(imports.map { ($0.ordinal, $0) }) { $0.batch > $1.batch ? $0 : $1 }
            .values.sorted { $0.ordinal < $1.ordinal }
    }

    /// One line for each kind of step, in the order of the job; the latest step of a kind speaks for it.
    private static func lines(_ steps: [StepView]) -> [ProgressLine] {
        var latest: [(kind: String, step: StepView)] = []
        for step in steps {
            if let index = latest.firstIndex(where: { $0.kind == step.kind }) {
                latest[index].step = step
            } else {
                latest.append((step.kind, step))
            }
        }
        return latest.map { _, step in
            ProgressLine(
                title: step.title, state: step.state, percent: step.percent,
                hasBegun: step.startedAt != nil || step.percent > 0, reason: step.explanation)
        }
    }

    /// The sentences about failures, and about steps that are not to be seen in the lines.
    private static func notes(_ steps: [StepView]) -> [Note] {
        steps.compactMap { step in
            if let message = step.errorMessage ?? step.errorCode {
                let look = step.state == .failed ? "failed" : "plain"
                return Note(step: step.title, text: message, code: step.errorCode, look: look)
            }
            if let lines = step.counts["rows.unplaced"], lines > 0 {
                let text =
                    "\(PageWords.number(lines)) lines of Canvas's list of refused rows name no row that could be sent again."
                return Note(step: step.title, text: text, code: nil, look: "plain")
            }
            guard step.state == .skipped, let reason = step.reason else { return nil }
            return Note(step: step.title, text: "Skipped: \(reason)", code: nil, look: "plain")
        }
    }

    /// - Parameter notes: what the page says already; an attempt does not repeat it.
    private static func attempts(
        _ attempts: [AttemptView], titles: [Int: String], notes: [Note], zone: String?
    ) -> [Attempt] {
        var numbers: [Int: Int] = [:]
        return attempts.map { attempt in
            numbers[attempt.ordinal, default: 0] += 1
            let step = titles[attempt.ordinal] ?? ""
            let message = attempt.errorMessage ?? attempt.errorCode
            let isSaid = notes.contains { $0.step == step && $0.text == message }
            return Attempt(
                step: step, number: numbers[attempt.ordinal] ?? 1, worker: attempt.worker,
                started: ZonedTime(attempt.startedAt, zone: zone),
                took: attempt.endedAt.map { PageWords.duration($0.timeIntervalSince(attempt.startedAt)) } ?? "",
                outcome: attempt.outcome.map(outcomeWords) ?? "at work",
                message: isSaid ? nil : message)
        }
    }

    private static func outcomeWords(_ outcome: String) -> String {
        switch outcome {
        case "waiting": "handed to Canvas"
        case "held": "held for a decision"
        case "retry": "failed, tried again"
        case "interrupted": "interrupted, handed on"
        case "rescued": "crashed, rescued"
        default: outcome
        }
    }
}

extension StepView {
    /// The step's name for people.
    var title: String { StepKind(rawValue: kind)?.title ?? kind }
}

extension JobPage.File {
    init(_ artifact: ArtifactView, job: JobID, step: String) {
        self.step = step
        name = artifact.name
        size = PageWords.size(artifact.bytes)
        hash = artifact.hash
        shortHash = String(artifact.hash.prefix(12))
        href = artifact.address(job: job)
        tableHref = artifact.isTable ? artifact.address(job: job) + "?format=json" : nil
    }
}

extension JobPage.Import {
    init(_ view: ImportView, zone: String?) {
        canvasID = view.canvasID.map { "\($0)" } ?? "not sent yet"
        state = view.workflowState ?? (view.canvasID == nil ? "intended" : "submitted")
        progress = view.progress
        wasAdopted = view.adopted
        polled = view.polledAt.map { ZonedTime($0, zone: zone) }
        nextPoll = view.endedAt == nil ? view.nextPollAt.map { ZonedTime($0, zone: zone) } : nil
        let answer = view.answer.flatMap(CanvasAnswer.init(json:))
        messages = (answer?.errors ?? []) + (answer?.warnings ?? [])
    }
}
