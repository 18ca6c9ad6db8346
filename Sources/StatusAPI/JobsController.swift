import HTTPTypes
import Hummingbird
import Jobs
import Storage

/// Jobs, as JSON.
struct JobsController: Sendable {
    let reader: StatusReader

    func addRoutes(to group: StatusGroup) {
        group.get("", use: list)
        group.get("{id}", use: show)
    }

    /// Newest first; `next` and the Link header hold the address of the following page.
    private func list(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(JobFilter.parameterNames.union(["before", "limit"]))
        let filter = try parameters.jobFilter()
        let before = try parameters.before()
        let limit = try parameters.limit(default: 50)
        let page = try await reader { try await $0.jobs(filter, before: before, limit: limit) }
        let next = page.nextAddress(path: StatusRouter.prefix + "/jobs", filter: filter, limit: limit)
        var response = try JSONResponse.make(JobListResponse(jobs: page.rows.map(JobResponse.init), next: next))
        if let next { response.headers[.link] = "<\(next)>; rel=\"next\"" }
        return response
    }

    private func show(_ request: Request, _ context: StatusContext) async throws -> Response {
        let id = try RequestParameters(request, context).job()
        guard let details = try await reader({ try await $0.details(of: id) }) else {
            throw ProblemDetails.job(id.description)
        }
        return try JSONResponse.make(JobDetailsResponse(details))
    }
}

extension PageView<JobView> {
    /// The address of the page after this one, with the same filter; nil on the last.
    func nextAddress(path: String, filter: JobFilter, limit: Int?) -> String? {
        guard hasMore, let last = rows.last else { return nil }
        let items = filter.queryItems + (limit.map { ["limit=\($0)"] } ?? []) + ["before=\(last.id)"]
        return "\(path)?\(items.joined(separator: "&"))"
    }
}

extension HTTPField.Name {
    /// RFC 8288.
    static let link = Self.known("Link")

    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("no field name: \(name)") }
        return name
    }
}
