import HTTPTypes
import Hummingbird
import Jobs
import Storage

/// The pages for people, and the files that they load.
struct PageController: Sendable {
    let reader: StatusReader
    let templates: PageTemplates
    /// Whether the pages have buttons.
    let offersChanges: Bool

    func addRoutes(to router: Router<StatusContext>) {
        router.get("/", use: jobs)
        router.get("/jobs/{id}", use: job)
        router.get("/assets/{file}", use: file)
    }

    private func jobs(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(JobFilter.parameterNames.union(["before"]))
        let filter = try parameters.jobFilter()
        let before = try parameters.before()
        let page = try await reader { try await $0.jobs(filter, before: before, limit: JobListPage.rowLimit) }
        return try templates.page("jobs", JobListPage(page, filter: filter, isFirst: before == nil))
    }

    private func job(_ request: Request, _ context: StatusContext) async throws -> Response {
        let id = try RequestParameters(request, context).job()
        guard let details = try await reader({ try await $0.details(of: id) }) else {
            throw ProblemDetails.job(id.description)
        }
        return try templates.page("job", JobPage(details, offersChanges: offersChanges))
    }

    private func file(_ request: Request, _ context: StatusContext) async throws -> Response {
        guard let file = PageTemplates.files[context.parameters.get("file") ?? ""] else { throw HTTPError(.notFound) }
        return Response(
            status: .ok, headers: [.contentType: file.type, .cacheControl: "max-age=300"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: file.bytes)))
    }
}
