import FoundationEssentials
import Hummingbird
import Jobs
import Storage

/// Schedules, as JSON.
struct SchedulesController: Sendable {
    let reader: StatusReader

    func addRoutes(to group: StatusGroup) {
        group.get("", use: list)
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
        var after: Int64?
        if let text = try parameters.text("after") {
            guard let id = Int64(text) else {
                throw parameters.bad("after", "is no id", "Take the address of the next page as the answer gives it.")
            }
            after = id
        }
        let page = try await reader { [after] in try await $0.schedules(after: after, limit: limit) }
        var next: String?
        if page.hasMore, let last = page.rows.last {
            next = "\(StatusRouter.prefix)/schedules?limit=\(limit)&after=\(last.id)"
        }
        var response = try JSONResponse.make(
            ListResponse(schedules: page.rows.map(ScheduleResponse.init), next: next))
        if let next { response.headers[.link] = "<\(next)>; rel=\"next\"" }
        return response
    }
}

/// A schedule with its last and its next occurrence.
struct ScheduleResponse: Encodable {
    struct Occurrence: Encodable {
        let plannedAt: APITime
        let firedAt: APITime
        let outcome: String
        let jobID: String?
    }

    let id: Int64
    let slug: String
    let institution: JobResponse.Named
    let integration: JobResponse.Named
    let kind: String
    let cron: String
    let timeZone: String
    let paused: Bool
    let nextAt: APITime?
    /// `next_at` as a clock in the schedule's zone shows it.
    let nextAtLocal: String?
    let lastOccurrence: Occurrence?

    init(_ view: ScheduleView) {
        id = view.id
        slug = view.slug
        institution = JobResponse.Named(view.institution)
        integration = JobResponse.Named(view.integration)
        kind = view.kind
        cron = view.cron
        timeZone = view.timeZone
        paused = view.isPaused
        nextAt = APITime(view.nextAt)
        nextAtLocal = view.nextAt.map { ZonedTime($0, zone: view.timeZone).text }
        lastOccurrence = view.lastOccurrence.map { last in
            Occurrence(
                plannedAt: APITime(last.plannedAt), firedAt: APITime(last.firedAt), outcome: last.outcome,
                jobID: last.job?.description)
        }
    }
}
