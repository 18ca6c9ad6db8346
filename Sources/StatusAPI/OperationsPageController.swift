import HTTPTypes
import Hummingbird
import Storage

/// The pages of operators: failures, pauses, the audit, and what their buttons do.
struct OperationsPageController: Sendable {
    let operations: StatusOperations
    let templates: PageTemplates
    let offersChanges: Bool

    func addRoutes(to router: Router<StatusContext>) {
        router.get("/dead", use: groups)
        router.get("/dead/{group}", use: group)
        router.get("/dead/{group}/confirm", use: confirm)
        router.post("/dead/{group}/retry") { try await begin(.retry, $0, $1) }
        router.post("/dead/{group}/discard") { try await begin(.discard, $0, $1) }
        router.post("/dead/{group}/note", use: annotate)
        DeadMembersController(operations: operations) { group, _ in Self.see("/dead/\(group.id)") }
            .addRoutes(to: router.group("/dead"))
        router.get("/pauses", use: pauses)
        router.post("/pauses", use: pause)
        router.post("/pauses/resume", use: resume)
        router.get("/audit", use: audit)
        router.post("/jobs/{id}/cancel") { request, context in
            Self.see("/jobs/\(try await JobOrder.cancel(request, context, operations))")
        }
        router.post("/jobs/{id}/retry") { request, context in
            Self.see("/jobs/\(try await JobOrder.retry(request, context, operations))")
        }
        router.post("/jobs/{id}/run-again") { request, context in
            Self.see("/jobs/\(try await JobOrder.runAgain(request, context, operations))")
        }
    }

    /// The page to look at after a change; a second load of it changes nothing again.
    private static func see(_ path: String) -> Response {
        Response(status: .seeOther, headers: [.location: path])
    }

    private func groups(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["all"])
        let all = try parameters.text("all") == "true"
        let page = try await operations { try await $0.dead.groups(all: all) }
        return try templates.page("dead", DeadListPage(page, isAll: all))
    }

    private func group(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["institution"])
        let scope = DeadScope(group: try parameters.deadGroup(), institution: try parameters.text("institution"))
        let found = try await operations { try await DeadGroupContents(scope, limit: 50, from: $0.dead) }
        return try templates.page("dead-group", DeadGroupPage(found, offersChanges: offersChanges))
    }

    private func confirm(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["verb", "institution", "overtaken"])
        let verb = try parameters.word("verb", as: DeadActionView.Verb.self) ?? .retry
        let scope = DeadScope(
            group: try parameters.deadGroup(), institution: try parameters.text("institution"),
            includesOvertaken: try parameters.text("overtaken") == "true")
        let (group, preview) = try await operations {
            (try await $0.dead.group(scope.group), try await $0.dead.preview(verb, scope))
        }
        guard let group else { throw HTTPError(.notFound) }
        return try templates.page(
            "dead-confirm", DeadConfirmPage(group, verb, scope, preview, offersChanges: offersChanges))
    }

    private func begin(
        _ verb: DeadActionView.Verb, _ request: Request, _ context: StatusContext
    ) async throws -> Response {
        let (_, group) = try await DeadOrder.read(verb, request, context).begin(operations)
        return Self.see("/dead/\(group)")
    }

    private func annotate(_ request: Request, _ context: StatusContext) async throws -> Response {
        Self.see("/dead/\(try await DeadOrder.annotate(request, context, operations).id)")
    }

    private func pauses(_ request: Request, _ context: StatusContext) async throws -> Response {
        let pauses = try await operations { try await $0.pauses.all() }
        return try templates.page("pauses", PausesPage(pauses, offersChanges: offersChanges))
    }

    private func pause(_ request: Request, _ context: StatusContext) async throws -> Response {
        try await PauseOrder.pause(request, context, operations)
        return Self.see("/pauses")
    }

    private func resume(_ request: Request, _ context: StatusContext) async throws -> Response {
        try await PauseOrder.resume(request, context, operations)
        return Self.see("/pauses")
    }

    private func audit(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(AuditFilter.parameterNames.union(["before"]))
        let filter = try parameters.auditFilter()
        let before = try parameters.auditNumber("before")
        let (page, head) = try await operations {
            (try await $0.audit.rows(filter, before: before), try await $0.audit.head())
        }
        return try templates.page("audit", AuditPage(page, head: head, filter: filter, isFirst: before == nil))
    }
}
