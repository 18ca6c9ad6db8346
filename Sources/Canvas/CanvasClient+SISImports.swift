import Curl
package import FoundationEssentials
import HTTPTypes
import Logging

extension CanvasClient {
    /// Uploads a file, streamed from disk, and makes an import of it.
    ///
    /// Canvas knows no idempotency key. So before an error with `requestMayHaveArrived` is answered by another call,
    /// look for an import whose `csvAttachments` or time fits: `sisImports(createdSince:)`.
    /// - Parameters:
    ///   - fileName: what Canvas calls the file; its extension must say what it is (`.zip`, `.csv`).
    ///   - options: see there; only what is set is sent.
    package func createSISImport(
        file path: String,
        fileName: String,
        contentType: SISImportContentType,
        options: SISImportOptions = SISImportOptions()
    ) async throws(CanvasError) -> SISImport {
        var parts = options.fields.map { CurlPart.field($0.name, $0.value) }
        parts.append(
            CurlPart(
                name: "attachment",
                filename: fileName,
                contentType: contentType.rawValue,
                content: .file(path: path)
            )
        )
        // No total: an honest upload may take long. What stands still is ended by its speed.
        let created = try await sisImport(
            .post,
            importsPath,
            body: .multipart(parts),
            options: CurlRequestOptions(),
            operation: "create SIS import"
        )
        logger.debug("SIS import created", metadata: [CanvasKeys.Log.importID: "\(created.id)"])
        return created
    }

    /// One import as it stands now.
    /// - Throws: `.notFound` if the account has none of this id.
    package func sisImport(_ id: String) async throws(CanvasError) -> SISImport {
        try await sisImport(.get, "\(importsPath)/\(id.percentEncoded)", operation: "read SIS import")
    }

    /// Imports, the newest first, a page at a time as they are read.
    /// - Parameters:
    ///   - createdSince: only later ones; nil = all.
    ///   - workflowStates: only these; empty = all.
    package func sisImports(
        createdSince: Date? = nil,
        workflowStates: [SISImportState] = []
    ) -> CanvasPages<SISImport> {
        var query = ["per_page=\(configuration.pageSize)"]
        if let createdSince { query.append("created_since=\(createdSince.formatted(.iso8601).percentEncoded)") }
        query += workflowStates.map { "workflow_state%5B%5D=\($0.name.percentEncoded)" }
        return CanvasPages(
            client: self,
            first: "\(importsPath)?\(query.joined(separator: "&"))",
            member: "sis_imports",
            operation: "list SIS imports",
            element: SISImport.init
        )
    }

    /// The imports that run now: at most one per root account, as a rule.
    package func importingSISImports() async throws(CanvasError) -> [SISImport] {
        let operation = "list running SIS imports"
        let (json, _) = try await json(.get, "\(importsPath)/importing", operation: operation)
        return json["sis_imports"].elements.compactMap(SISImport.init)
    }

    /// Asks Canvas to stop; what was applied stays applied, and a running import notices at its next chunk.
    /// - Throws: `.notFound` if it is over already.
    package func abortSISImport(_ id: String) async throws(CanvasError) -> SISImport {
        try await sisImport(.put, "\(importsPath)/\(id.percentEncoded)/abort", operation: "abort SIS import")
    }

    /// The messages of an import, the newest first; Canvas keeps them for 30 days.
    package func sisImportErrors(_ id: String) -> CanvasPages<SISImportError> {
        CanvasPages(
            client: self,
            first: "\(importsPath)/\(id.percentEncoded)/sis_import_errors?per_page=\(configuration.pageSize)",
            member: "sis_import_errors",
            operation: "list SIS import errors",
            element: SISImportError.init
        )
    }

    /// Saves one of Canvas's files, such as an import's `errorsAttachment`, whole or not at all.
    ///
    /// The token goes along only if the file lies at the configured address; elsewhere the address itself is the key.
    /// - Parameter limit: bytes; more is `.transport` with `.tooLarge`.
    /// - Returns: bytes.
    package func download(_ file: CanvasFile, to path: String, limit: Int64) async throws(CanvasError) -> Int64 {
        let operation = "download \(file.name)"
        guard let address = CanvasFileAddress(file.url) else {
            throw CanvasError(
                .unreadableAnswer,
                operation: operation,
                status: nil,
                mayHaveArrived: false,
                detail: "the file has no http(s) address"
            )
        }
        let request = HTTPRequest(
            method: .get,
            scheme: address.scheme,
            authority: address.authority,
            path: address.path
        )
        let isAtHome = address.scheme == configuration.scheme && address.authority == configuration.authority
        let options = CurlRequestOptions(followRedirects: true)
        let response = try await answer(to: request, options: options, sendsToken: isAtHome, operation)
        do throws(CurlError) {
            return try await response.save(to: path, limit: limit)
        } catch {
            throw CanvasError(error, operation: operation)
        }
    }

    var accountPath: String { "/api/v1/accounts/\(configuration.accountID.percentEncoded)" }

    private var importsPath: String { "\(accountPath)/sis_imports" }

    private func sisImport(
        _ method: HTTPRequest.Method,
        _ path: String,
        body: CurlBody = .none,
        options: CurlRequestOptions? = nil,
        operation: String
    ) async throws(CanvasError) -> SISImport {
        let (json, head) = try await json(method, path, body: body, options: options, operation: operation)
        guard let value = SISImport(json) else { throw unreadable(operation, head, "no SIS import") }
        return value
    }
}

/// An address that Canvas made, in the parts a request needs.
struct CanvasFileAddress: Equatable {
    let scheme: String
    let authority: String
    /// With the query.
    let path: String

    init?(_ url: String) {
        guard let separator = url.firstRange(of: "://") else { return nil }
        scheme = url[..<separator.lowerBound].lowercased()
        let rest = url[separator.upperBound...]
        authority = String(rest.prefix { !"/?#".contains($0) })
        let tail = rest.dropFirst(authority.count).prefix { $0 != "#" }
        path = tail.hasPrefix("/") ? String(tail) : "/\(tail)"
        guard ["http", "https"].contains(scheme), !authority.isEmpty else { return nil }
    }
}
