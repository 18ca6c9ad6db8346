import FoundationEssentials
import Hummingbird
import Storage

/// The pages about schedules.
struct SchedulePageController: Sendable {
    let reader: StatusReader
    let templates: PageTemplates

    func addRoutes(to router: Router<StatusContext>) {
        router.get("/schedules", use: list)
        router.get("/schedules/{schedule}", use: show)
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
        return try templates.page("schedule", SchedulePage(details, now: Date()))
    }
}
