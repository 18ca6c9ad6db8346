import Hummingbird
import Storage

/// Groups of failures, as JSON.
struct DeadController: Sendable {
    let operations: StatusOperations

    func addRoutes(to group: StatusGroup) {
        group.get("", use: list)
        group.get("{group}", use: show)
        group.get("{group}/preview", use: preview)
        group.post("{group}/retry") { try await begin(.retry, $0, $1) }
        group.post("{group}/discard") { try await begin(.discard, $0, $1) }
        group.post("{group}/note", use: annotate)
    }

    private struct ListResponse: Encodable {
        let groups: [DeadGroupResponse]
        let hasMore: Bool
    }

    private func list(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["all", "limit"])
        let limit = try parameters.limit(default: 100)
        let all = try parameters.text("all") == "true"
        let page = try await operations { try await $0.dead.groups(all: all, limit: limit) }
        return try JSONResponse.make(
            ListResponse(groups: page.rows.map(DeadGroupResponse.init), hasMore: page.hasMore))
    }

    private func show(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["institution", "limit"])
        let limit = try parameters.limit(default: 50)
        let scope = DeadScope(group: try parameters.deadGroup(), institution: try parameters.text("institution"))
        let found = try await operations { try await DeadGroupContents(scope, limit: limit, from: $0.dead) }
        return try JSONResponse.make(
            DeadGroupDetailsResponse(
                group: DeadGroupResponse(found.group), steps: found.steps.map(DeadStepResponse.init),
                messages: found.messages.map(DeadMessageResponse.init), hasMore: found.hasMore,
                actions: found.actions.map(DeadActionResponse.init)))
    }

    private func preview(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["verb", "institution", "overtaken"])
        let verb = try parameters.word("verb", as: DeadActionView.Verb.self) ?? .retry
        let scope = DeadScope(
            group: try parameters.deadGroup(), institution: try parameters.text("institution"),
            includesOvertaken: try parameters.text("overtaken") == "true")
        let preview = try await operations { try await $0.dead.preview(verb, scope) }
        return try JSONResponse.make(DeadPreviewResponse(count: preview.count, overtaken: preview.overtaken))
    }

    private func begin(
        _ verb: DeadActionView.Verb, _ request: Request, _ context: StatusContext
    ) async throws -> Response {
        let (action, _) = try await DeadOrder.read(verb, request, context).begin(operations)
        return try JSONResponse.make(DeadActionResponse(action), status: .accepted)
    }

    private func annotate(_ request: Request, _ context: StatusContext) async throws -> Response {
        let group = try await DeadOrder.annotate(request, context, operations)
        return try JSONResponse.make(DeadGroupResponse(group))
    }
}

/// A group with its first members and what was done with it.
struct DeadGroupContents: Sendable {
    let group: DeadGroupView
    let steps: [DeadStepView]
    let messages: [DeadMessageView]
    let hasMore: Bool
    let actions: [DeadActionView]

    /// - Throws: `ProblemDetails` if there is no such group.
    init(_ scope: DeadScope, limit: Int, from store: DeadStore) async throws {
        guard let group = try await store.group(scope.group) else {
            throw ProblemDetails(
                .notFound, detail: "There is no group \(scope.group) of failures.", remedy: "Look for it at /dead.")
        }
        self.group = group
        actions = try await store.actions(of: group.id)
        switch group.source {
        case .step:
            let page = try await store.steps(of: scope, limit: limit)
            (steps, messages, hasMore) = (page.rows, [], page.hasMore)
        case .message:
            let page = try await store.messages(of: group.id, limit: limit)
            (steps, messages, hasMore) = ([], page.rows, page.hasMore)
        }
    }
}

/// What somebody orders about a group, by page or program.
struct DeadOrder: Sendable {
    let verb: DeadActionView.Verb
    let scope: DeadScope
    let expected: Int64
    let reason: String
    let actor: String

    static func read(
        _ verb: DeadActionView.Verb, _ request: Request, _ context: StatusContext
    ) async throws -> DeadOrder {
        let group = try RequestParameters(request, context).deadGroup()
        let fields = try await ChangeFields.read(
            request, context, names: ["expected", "institution", "overtaken", "reason"])
        return DeadOrder(
            verb: verb,
            scope: DeadScope(
                group: group, institution: try fields.text("institution"), includesOvertaken: fields.flag("overtaken")),
            expected: try fields.number("expected"), reason: try fields.required("reason"),
            actor: RequestActor.name(of: request))
    }

    func begin(_ operations: StatusOperations) async throws -> (DeadActionView, group: Int64) {
        let action = try await operations {
            try await $0.begin(verb, scope, expected: expected, by: actor, reason: reason)
        }
        return (action, scope.group)
    }

    static func annotate(
        _ request: Request, _ context: StatusContext, _ operations: StatusOperations
    ) async throws -> DeadGroupView {
        let group = try RequestParameters(request, context).deadGroup()
        let fields = try await ChangeFields.read(request, context, names: ["note", "assigned_to"])
        let note = fields.has("note") ? try fields.text("note") ?? "" : nil
        let name = fields.has("assigned_to") ? try fields.text("assigned_to") ?? "" : nil
        let actor = RequestActor.name(of: request)
        let view = try await operations {
            try await $0.annotate(group, note: note, assignedTo: name, by: actor)
            return try await $0.dead.group(group)
        }
        guard let view else { throw HTTPError(.notFound) }
        return view
    }
}

extension RequestParameters {
    /// The number of a group in the path.
    func deadGroup() throws -> Int64 {
        guard let id = context.parameters.get("group", as: Int64.self) else { throw HTTPError(.notFound) }
        return id
    }
}
