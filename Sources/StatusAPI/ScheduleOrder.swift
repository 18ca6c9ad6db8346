import FoundationEssentials
import Hummingbird
import Jobs
import Schedules
import Storage

/// Orders about one schedule, by page or program.
enum ScheduleOrder {
    /// - Returns: what began, or the job that holds the order's key and is as good.
    /// - Throws: `ProblemDetails` if another job stands in the way or holds the key, and the order does not say what to
    ///   do about it.
    static func run(
        _ request: Request, _ context: StatusContext, _ operations: StatusOperations
    ) async throws -> (job: JobID, after: JobID?, isKept: Bool) {
        let id = try RequestParameters(request, context).schedule()
        let fields = try await ChangeFields.read(
            request, context, names: ["overlap", "reason", "key", "key_scope", "on_conflict"])
        let guarded =
            fields.has("overlap") ? try fields.word("overlap", as: ScheduleOperations.Guard.self) : .refuse
        let reason = try fields.text("reason")
        let key = try key(fields)
        let actor = RequestActor.name(of: request)
        switch try await operations({
            try await $0.runSchedule(id, guarded: guarded, key: key, by: actor, reason: reason)
        }) {
        case .begun(let job, let other): return (job, other, false)
        case .replaced(let job, let old): return (job, old, false)
        case .kept(let winner): return (winner, nil, true)
        case .rejected(let winner):
            throw ProblemDetails(
                .conflict, detail: "Job \(winner) holds the key.",
                remedy: "Wait for it, or send 'on_conflict' as 'keep' or 'replace'.")
        case .refused(let others):
            throw ProblemDetails(
                .conflict, detail: "Job \(others.last?.description ?? "") of this integration has not ended.",
                remedy: "Send 'overlap' as 'after' to wait for its end, or as 'anyway' to run beside it.")
        }
    }

    private static func key(_ fields: ChangeFields) throws -> JobKey? {
        guard let text = try fields.text("key") else {
            guard !fields.has("key_scope"), !fields.has("on_conflict") else {
                throw ProblemDetails(
                    .badParameter, detail: "'key_scope' and 'on_conflict' say something about a 'key'.",
                    remedy: "Send the key as well.")
            }
            return nil
        }
        do {
            return try JobKey(
                reading: text, scope: try fields.text("key_scope"), conflict: try fields.text("on_conflict"))
        } catch let error as JobKeyError {
            throw ProblemDetails(
                .badParameter, detail: error.description, remedy: "Look at the OpenAPI document.")
        }
    }

    /// - Returns: the schedule's id.
    static func pause(
        _ request: Request, _ context: StatusContext, _ operations: StatusOperations
    ) async throws -> Int64 {
        let id = try RequestParameters(request, context).schedule()
        let fields = try await ChangeFields.read(request, context, names: ["until", "reason"])
        let reason = try fields.required("reason")
        let actor = RequestActor.name(of: request)
        var local: LocalMinute?
        if let text = try fields.text("until") {
            guard let found = LocalMinute(text) else {
                throw ProblemDetails(
                    .badParameter, detail: "'until' is no local time.",
                    remedy: "Give it as 2027-08-15 or 2027-08-15T06:30, on the clock of the schedule's zone.")
            }
            local = found
        }
        try await operations { [local] actions in
            let zone = try await actions.timeZone(ofSchedule: id)
            try await actions.pauseSchedule(
                id, until: local.map { LocalTime.moment($0, in: zone) }, by: actor, reason: reason)
        }
        return id
    }

    /// - Returns: the schedule's id.
    static func resume(
        _ request: Request, _ context: StatusContext, _ operations: StatusOperations
    ) async throws -> Int64 {
        let id = try RequestParameters(request, context).schedule()
        let reason = try await ChangeFields.read(request, context, names: ["reason"]).text("reason")
        let actor = RequestActor.name(of: request)
        _ = try await operations { try await $0.resumeSchedule(id, by: actor, reason: reason) }
        return id
    }

    /// What a backfill of the dates in the address would begin.
    struct Plan: Sendable {
        let schedule: Int64
        let first: CivilDate
        let last: CivilDate
        let occurrences: [PlannedOccurrence]
    }

    static func plan(
        _ request: Request, _ context: StatusContext, _ operations: StatusOperations
    ) async throws -> Plan {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["from", "to"])
        let id = try parameters.schedule()
        let first = try date(parameters.text("from"), "from")
        let last = try date(parameters.text("to"), "to")
        return Plan(
            schedule: id, first: first, last: last,
            occurrences: try await operations { try await $0.backfillPlan(of: id, from: first, through: last) })
    }

    static func backfill(
        _ request: Request, _ context: StatusContext, _ operations: StatusOperations
    ) async throws -> (schedule: Int64, jobs: [JobID]) {
        let id = try RequestParameters(request, context).schedule()
        let fields = try await ChangeFields.read(request, context, names: ["from", "to", "expected", "reason"])
        let first = try date(fields.text("from"), "from")
        let last = try date(fields.text("to"), "to")
        let expected = Int(try fields.number("expected"))
        let reason = try fields.text("reason")
        let actor = RequestActor.name(of: request)
        let jobs = try await operations {
            try await $0.backfillSchedule(
                id, from: first, through: last, expected: expected, by: actor, reason: reason)
        }
        return (id, jobs)
    }

    private static func date(_ text: String?, _ name: String) throws -> CivilDate {
        guard let date = text.flatMap({ CivilDate($0) }) else {
            throw ProblemDetails(
                .badParameter, detail: "'\(name)' is no date.", remedy: "Give it as 2027-03-01.")
        }
        return date
    }
}
