import FoundationEssentials
import Hummingbird
import Jobs
import Storage

/// Schedules, as JSON.
struct SchedulesController: Sendable {
    let reader: StatusReader

    func addRoutes(to group: StatusGroup) {
        group.get("", use: list)
        group.get("{schedule}", use: show)
    }

    private struct ListResponse: Encodable {
        let schedules: [ScheduleResponse]
        let next: String?
    }

    /// By id; `after` is the last id of the page before.
    private func list(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["after", "limit"])
        let limit = try parameters.limit(default: 100)
        let after = try parameters.afterSchedule()
        let page = try await reader { try await $0.schedules(after: after, limit: limit) }
        var next: String?
        if page.hasMore, let last = page.rows.last {
            next = "\(StatusRouter.prefix)/schedules?limit=\(limit)&after=\(last.id)"
        }
        let now = Date()
        var response = try JSONResponse.make(
            ListResponse(schedules: page.rows.map { ScheduleResponse($0, now: now) }, next: next))
        if let next { response.headers[.link] = "<\(next)>; rel=\"next\"" }
        return response
    }

    private func show(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["limit"])
        let limit = try parameters.limit(default: 20)
        let details = try await reader.schedule(try parameters.schedule(), occurrences: limit)
        return try JSONResponse.make(ScheduleDetailsResponse(details, now: Date()))
    }
}

/// A schedule with its latest occurrences.
struct ScheduleDetails: Sendable {
    let schedule: ScheduleView
    let occurrences: [OccurrenceView]
}

extension StatusReader {
    /// - Throws: `ProblemDetails` if there is no such schedule.
    func schedule(_ id: Int64, occurrences limit: Int) async throws -> ScheduleDetails {
        let found = try await self { queries -> ScheduleDetails? in
            guard let schedule = try await queries.schedule(id) else { return nil }
            return ScheduleDetails(
                schedule: schedule, occurrences: try await queries.occurrences(of: id, limit: limit))
        }
        guard let found else { throw ProblemDetails.schedule("\(id)") }
        return found
    }
}

extension ProblemDetails {
    static func schedule(_ id: String) -> ProblemDetails {
        ProblemDetails(
            .notFound, detail: "There is no schedule \(id.prefix(64)).", remedy: "Look for it in the list of schedules."
        )
    }
}

extension RequestParameters {
    /// The id in the path.
    func schedule() throws -> Int64 {
        let text = pathText("schedule")
        guard let id = Int64(text) else { throw ProblemDetails.schedule(text) }
        return id
    }

    /// The last id of the page before.
    func afterSchedule() throws -> Int64? {
        guard let text = try text("after") else { return nil }
        guard let id = Int64(text) else {
            throw bad("after", "is no id", "Take the address of the next page as the answer gives it.")
        }
        return id
    }
}
