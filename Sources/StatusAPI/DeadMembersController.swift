import HTTPTypes
import Hummingbird
import Jobs
import Storage

/// Orders about one member of a group of failures, by page or program.
struct DeadMembersController: Sendable {
    let operations: StatusOperations
    /// What is answered, of the group as it is then.
    let answer: @Sendable (DeadGroupView, HTTPResponse.Status) throws -> Response

    func addRoutes(to group: StatusGroup) {
        let step = group.group("{group}/steps/{id}/{ordinal}")
        step.post("retry") { try await retry($0, $1) }
        step.post("discard") { try await discard(try Self.step($0, $1), $0, $1) }
        step.post("note") { try await annotate(try Self.step($0, $1), $0, $1) }
        let message = group.group("{group}/messages/{message}")
        message.post("discard") { try await discard(try Self.message($1), $0, $1) }
        message.post("note") { try await annotate(try Self.message($1), $0, $1) }
    }

    private static func step(_ request: Request, _ context: StatusContext) throws -> DeadMember {
        let parameters = RequestParameters(request, context)
        return .step(StepID(job: try parameters.job(), ordinal: try parameters.ordinal()))
    }

    private static func message(_ context: StatusContext) throws -> DeadMember {
        guard let id = context.parameters.get("message", as: Int64.self) else { throw HTTPError(.notFound) }
        return .message(id)
    }

    private func retry(_ request: Request, _ context: StatusContext) async throws -> Response {
        let member = try Self.step(request, context)
        let group = try RequestParameters(request, context).deadGroup()
        let fields = try await ChangeFields.read(request, context, names: ["reason", "overtaken"])
        let reason = try fields.required("reason")
        let actor = RequestActor.name(of: request)
        return try await act(on: group, status: .accepted) {
            _ = try await $0.retry(
                member, of: group, by: actor, reason: reason, includesOvertaken: fields.flag("overtaken"))
        }
    }

    private func discard(_ member: DeadMember, _ request: Request, _ context: StatusContext) async throws -> Response {
        let group = try RequestParameters(request, context).deadGroup()
        let reason = try await ChangeFields.read(request, context, names: ["reason"]).required("reason")
        let actor = RequestActor.name(of: request)
        return try await act(on: group) { try await $0.discard(member, of: group, by: actor, reason: reason) }
    }

    private func annotate(_ member: DeadMember, _ request: Request, _ context: StatusContext) async throws -> Response {
        let group = try RequestParameters(request, context).deadGroup()
        let fields = try await ChangeFields.read(request, context, names: ["note"])
        guard fields.has("note") else {
            throw ProblemDetails(
                .badParameter, detail: "'note' is missing.", remedy: "Send the note; an empty one takes it away.")
        }
        let note = try fields.text("note")
        let actor = RequestActor.name(of: request)
        return try await act(on: group) { try await $0.annotate(member, of: group, note: note, by: actor) }
    }

    private func act(
        on group: Int64, status: HTTPResponse.Status = .ok,
        _ order: @escaping @Sendable (OperatorActions) async throws -> Void
    ) async throws -> Response {
        let view = try await operations { actions in
            try await order(actions)
            return try await actions.dead.group(group)
        }
        guard let view else { throw HTTPError(.notFound) }
        return try answer(view, status)
    }
}
