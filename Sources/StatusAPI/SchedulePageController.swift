import FoundationEssentials
import HTTPTypes
import Hummingbird
import Storage

/// The pages about schedules.
struct SchedulePageController: Sendable {
    let reader: StatusReader
    let templates: PageTemplates
    /// Nil where this service only shows.
    let operations: StatusOperations?
    let offersChanges: Bool

    func addRoutes(to router: Router<StatusContext>) {
        router.get("/schedules", use: list)
        router.get("/schedules/{schedule}", use: show)
        guard let operations else { return }
        router.post("/schedules/{schedule}/run") { request, context in
            Self.see("/jobs/\(try await ScheduleOrder.run(request, context, operations).job)")
        }
        router.post("/schedules/{schedule}/pause") { request, context in
            Self.see("/schedules/\(try await ScheduleOrder.pause(request, context, operations))")
        }
        router.post("/schedules/{schedule}/resume") { request, context in
            Self.see("/schedules/\(try await ScheduleOrder.resume(request, context, operations))")
        }
        router.get("/schedules/{schedule}/backfill") { request, context in
            let plan = try await ScheduleOrder.plan(request, context, operations)
            return try templates.page(
                "schedule-backfill", ScheduleBackfillPage(plan, offersChanges: offersChanges))
        }
        router.post("/schedules/{schedule}/backfill") { request, context in
            Self.see("/schedules/\(try await ScheduleOrder.backfill(request, context, operations).schedule)")
        }
    }

    /// The page to look at after a change; a second load of it changes nothing again.
    private static func see(_ path: String) -> Response {
        Response(status: .seeOther, headers: [.location: path])
    }

    private func list(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(["after"])
        let after = try parameters.afterSchedule()
        let page = try await reader { try await $0.schedules(after: after, limit: ScheduleListPage.rowLimit) }
        return try templates.page("schedules", ScheduleListPage(page, isFirst: after == nil, now: Date()))
    }

    private func show(_ request: Request, _ context: StatusContext) async throws -> Response {
        let id = try RequestParameters(request, context).schedule()
        let details = try await reader.schedule(id, occurrences: SchedulePage.rowLimit)
        return try templates.page("schedule", SchedulePage(details, now: Date(), offersChanges: offersChanges))
    }
}
