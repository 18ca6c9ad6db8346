import FoundationEssentials
import HTTPTypes
import Hummingbird
import Jobs
import NIOCore
import Storage

/// Who did what, as JSON or CSV.
struct AuditController: Sendable {
    let operations: StatusOperations

    func addRoutes(to group: StatusGroup) {
        group.get("", use: list)
        group.get("export", use: export)
    }

    private struct ListResponse: Encodable {
        let entries: [AuditResponse]
        let head: String?
        let next: String?
    }

    /// The latest first.
    private func list(_ request: Request, _ context: StatusContext) async throws -> Response {
        let parameters = RequestParameters(request, context)
        try parameters.allow(AuditFilter.parameterNames.union(["before", "limit"]))
        let filter = try parameters.auditFilter()
        let before = try parameters.auditNumber("before")
        let limit = try parameters.limit(default: 50)
        let (page, head) = try await operations {
            (try await $0.audit.rows(filter, before: before, limit: limit), try await $0.audit.head())
        }
        var next: String?
        if page.hasMore, let last = page.rows.last {
            let items = filter.queryItems + ["limit=\(limit)", "before=\(last.seq)"]
            next = "\(StatusRouter.prefix)/audit?\(items.joined(separator: "&"))"
        }
        var response = try JSONResponse.make(
            ListResponse(entries: page.rows.map(AuditResponse.init), head: head?.description, next: next))
        if let next { response.headers[.link] = "<\(next)>; rel=\"next\"" }
        return response
    }

    /// All rows in the order in which they were written, as CSV or as one JSON object a line, read in batches.
    private func export(_ request: Request, _ context: StatusContext) async throws -> Response {
        enum Format: String, CaseIterable {
            case csv
            case json
        }
        let parameters = RequestParameters(request, context)
        try parameters.allow(AuditFilter.parameterNames.union(["format", "after"]))
        let filter = try parameters.auditFilter()
        let format = try parameters.word("format", as: Format.self) ?? .csv
        let first = try await batch(filter, after: try parameters.auditNumber("after") ?? 0)
        let type = format == .csv ? "text/csv; charset=utf-8" : "application/x-ndjson"
        var response = Response(
            status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody { writer in
                if format == .csv { try await writer.write(ByteBuffer(string: AuditText.header)) }
                var rows = first
                while let last = rows.last {
                    let text = rows.map(format == .csv ? AuditText.csv : AuditText.json).joined()
                    try await writer.write(ByteBuffer(string: text))
                    rows = try await batch(filter, after: last.seq)
                }
                try await writer.finish(nil)
            })
        if let name = HTTPField.Name("Content-Disposition") {
            response.headers[name] = "attachment; filename=\"audit.\(format.rawValue)\""
        }
        return response
    }

    private func batch(_ filter: AuditFilter, after: Int64) async throws -> [AuditRow] {
        try await operations { try await $0.audit.batch(filter, after: after) }
    }
}

/// A row of the audit.
struct AuditResponse: Encodable {
    let seq: Int64
    let at: APITime
    let actor: String
    let action: String
    let subject: String
    let before: String?
    let after: String?
    let reason: String?
    let hash: String

    init(_ row: AuditRow) {
        seq = row.seq
        at = APITime(row.at)
        actor = row.actor
        action = row.action
        subject = row.subject
        before = row.before
        after = row.after
        reason = row.reason
        hash = row.hash
    }
}

extension AuditFilter {
    static let parameterNames: Set<String> = ["actor", "action", "subject"]

    /// The filter as parameters of an address, each value percent-encoded.
    var queryItems: [String] {
        [("actor", actor), ("action", action?.rawValue), ("subject", subject)]
            .compactMap { name, value in value.map { "\(name)=\(PercentEncoding.encode($0))" } }
    }
}

extension RequestParameters {
    func auditFilter() throws -> AuditFilter {
        AuditFilter(
            actor: try text("actor"), action: try word("action", as: AuditAction.self), subject: try text("subject"))
    }

    /// A row's number.
    func auditNumber(_ name: String) throws -> Int64? {
        guard let text = try text(name) else { return nil }
        guard let number = Int64(text), number >= 0 else {
            throw bad(name, "is no number of a row", "Take it from the answer before.")
        }
        return number
    }
}
