import FoundationEssentials
import Hummingbird
import Jobs
import Storage

/// What operators order about jobs and pauses, for programs.
struct OperationsController: Sendable {
    let operations: StatusOperations

    func addRoutes(to router: Router<StatusContext>) {
        let jobs = router.group("/api/v1/jobs")
        jobs.post("{id}/cancel", use: cancel)
        jobs.post("{id}/retry", use: retry)
        jobs.post("{id}/run-again", use: runAgain)
        let pauses = router.group("/api/v1/pauses")
        pauses.get("", use: list)
        pauses.post("", use: pause)
        pauses.post("resume", use: resume)
    }

    private struct JobAnswer: Encodable {
        let job: String
        let href: String

        init(_ job: JobID) {
            self.job = job.description
            href = "\(StatusRouter.prefix)/jobs/\(job)"
        }
    }

    private func cancel(_ request: Request, _ context: StatusContext) async throws -> Response {
        try JSONResponse.make(
            JobAnswer(try await JobOrder.cancel(request, context, operations)), status: .accepted)
    }

    private func retry(_ request: Request, _ context: StatusContext) async throws -> Response {
        try JSONResponse.make(JobAnswer(try await JobOrder.retry(request, context, operations)), status: .accepted)
    }

    private func runAgain(_ request: Request, _ context: StatusContext) async throws -> Response {
        try JSONResponse.make(
            JobAnswer(try await JobOrder.runAgain(request, context, operations)), status: .accepted)
    }

    private struct PauseResponse: Encodable {
        let scope: String
        let target: String
        let until: APITime?
        let reason: String
        let pausedBy: String
        let pausedAt: APITime
    }

    private struct PausesResponse: Encodable {
        let pauses: [PauseResponse]
    }

    private func pauses() async throws -> Response {
        let pauses = try await operations { try await $0.pauses.all() }
        return try JSONResponse.make(
            PausesResponse(
                pauses: pauses.map {
                    PauseResponse(
                        scope: $0.scope.rawValue, target: $0.target, until: APITime($0.until), reason: $0.reason,
                        pausedBy: $0.pausedBy, pausedAt: APITime($0.pausedAt))
                }))
    }

    private func list(_ request: Request, _ context: StatusContext) async throws -> Response {
        try await pauses()
    }

    private func pause(_ request: Request, _ context: StatusContext) async throws -> Response {
        try await PauseOrder.pause(request, context, operations)
        return try await pauses()
    }

    private func resume(_ request: Request, _ context: StatusContext) async throws -> Response {
        try await PauseOrder.resume(request, context, operations)
        return try await pauses()
    }
}

/// Orders about one job, by page or program.
enum JobOrder {
    static func cancel(
        _ request: Request, _ context: StatusContext, _ operations: StatusOperations
    ) async throws -> JobID {
        let job = try RequestParameters(request, context).job()
        let reason = try await ChangeFields.read(request, context, names: ["reason"]).required("reason")
        let actor = RequestActor.name(of: request)
        try await operations { try await $0.cancel(job, by: actor, reason: reason) }
        return job
    }

    static func retry(
        _ request: Request, _ context: StatusContext, _ operations: StatusOperations
    ) async throws -> JobID {
        let job = try RequestParameters(request, context).job()
        let fields = try await ChangeFields.read(request, context, names: ["reason", "overtaken"])
        let reason = try fields.required("reason")
        let actor = RequestActor.name(of: request)
        _ = try await operations {
            try await $0.retry(job, by: actor, reason: reason, includesOvertaken: fields.flag("overtaken"))
        }
        return job
    }

    /// - Returns: the new job.
    static func runAgain(
        _ request: Request, _ context: StatusContext, _ operations: StatusOperations
    ) async throws -> JobID {
        let job = try RequestParameters(request, context).job()
        let fields = try await ChangeFields.read(request, context, names: ["reason", "from", "rows"])
        let reason = try fields.required("reason")
        let scope = try scope(fields)
        let actor = RequestActor.name(of: request)
        return try await operations { try await $0.runAgain(job, from: scope, by: actor, reason: reason) }
    }

    /// The rows of an import that a new job can be about.
    private enum RowsWord: String, CaseIterable {
        case failed
    }

    private static func scope(_ fields: ChangeFields) throws -> RunAgainScope {
        guard fields.has("rows") else { return .step(try fields.word("from", as: StepKind.self)) }
        guard !fields.has("from") else {
            throw ProblemDetails(
                .badParameter, detail: "'from' and 'rows' were both sent.",
                remedy: "Send one: refused rows always begin at the import.")
        }
        switch try fields.word("rows", as: RowsWord.self) {
        case .failed: return .refusedRows
        }
    }
}

/// Orders about pauses, by page or program.
enum PauseOrder {
    static func pause(_ request: Request, _ context: StatusContext, _ operations: StatusOperations) async throws {
        let fields = try await ChangeFields.read(
            request, context, names: ["scope", "target", "minutes", "reason"])
        let scope = try fields.word("scope", as: PauseStore.Scope.self)
        let target = try fields.required("target")
        try check(scope, target)
        var until: Date?
        if try fields.text("minutes") != nil {
            let minutes = try fields.number("minutes")
            guard (1...525_600).contains(minutes) else {
                throw ProblemDetails(.badParameter, detail: "'minutes' is out of range.", remedy: "Use 1 to 525600.")
            }
            until = Date().addingTimeInterval(Double(minutes) * 60)
        }
        let reason = try fields.required("reason")
        let actor = RequestActor.name(of: request)
        try await operations { [until] in
            try await $0.pause(scope, target, until: until, by: actor, reason: reason)
        }
    }

    static func resume(_ request: Request, _ context: StatusContext, _ operations: StatusOperations) async throws {
        let fields = try await ChangeFields.read(request, context, names: ["scope", "target", "reason"])
        let scope = try fields.word("scope", as: PauseStore.Scope.self)
        let target = try fields.required("target")
        let reason = try fields.text("reason")
        let actor = RequestActor.name(of: request)
        try await operations { try await $0.resume(scope, target, by: actor, reason: reason) }
    }

    /// Names that the database cannot check.
    private static func check(_ scope: PauseStore.Scope, _ target: String) throws {
        let known: [String]
        switch scope {
        case .queue: known = StepKind.allCases.map(\.rawValue)
        case .kind: known = JobKind.allCases.map(\.rawValue)
        case .institution, .integration: return
        }
        guard known.contains(target) else {
            throw ProblemDetails(
                .badParameter, detail: "'\(target.prefix(64))' is no \(scope.rawValue).",
                remedy: "Use one of: \(known.joined(separator: ", ")).")
        }
    }
}
