import FoundationEssentials
import HTTPTypes
import Hummingbird

/// An answer that something did not work, in the form of RFC 9457, with what to do about it.
/// - SeeAlso: https://www.rfc-editor.org/rfc/rfc9457
struct ProblemDetails: Error, Sendable, Encodable {
    /// Kinds of problems; the raw value ends the `type` address, and clients may rely on it.
    enum Kind: String, Sendable, CaseIterable {
        case notFound = "not-found"
        case badParameter = "bad-parameter"
        case methodNotAllowed = "method-not-allowed"
        case tooLarge = "too-large"
        case unauthorized
        case forbidden
        case conflict
        case notTabular = "not-tabular"
        case databaseUnavailable = "database-unavailable"
        case artifactUnavailable = "artifact-unavailable"
        case `internal`

        var status: HTTPResponse.Status {
            switch self {
            case .notFound: .notFound
            case .badParameter: .badRequest
            case .methodNotAllowed: .methodNotAllowed
            case .tooLarge: .contentTooLarge
            case .unauthorized: .unauthorized
            case .forbidden: .forbidden
            case .conflict: .conflict
            case .notTabular: .notAcceptable
            case .databaseUnavailable, .artifactUnavailable: .serviceUnavailable
            case .internal: .internalServerError
            }
        }

        var title: String {
            switch self {
            case .notFound: "There is nothing here"
            case .badParameter: "A parameter cannot be used"
            case .methodNotAllowed: "This cannot be done here"
            case .tooLarge: "The request is too large"
            case .unauthorized: "A token is needed"
            case .forbidden: "This is not allowed"
            case .conflict: "It is not as you saw it"
            case .notTabular: "The file is no table"
            case .databaseUnavailable: "Postgres does not answer"
            case .artifactUnavailable: "The file cannot be read"
            case .internal: "Something went wrong here"
            }
        }
    }

    let type: String
    let title: String
    let status: Int
    /// What failed, on what.
    let detail: String
    /// What to do.
    let remedy: String
    /// The request's id, as in the log.
    var requestID: String?

    init(_ kind: Kind, detail: String, remedy: String) {
        self.type = "urn:rosterline:problem:\(kind.rawValue)"
        self.title = kind.title
        self.status = kind.status.code
        self.detail = detail
        self.remedy = remedy
    }

    static func job(_ id: String) -> ProblemDetails {
        ProblemDetails(
            .notFound, detail: "There is no job \(id.prefix(64)).",
            remedy: "Look for it in the list of jobs; old jobs are removed when their time of retention is over.")
    }

    func response() throws -> Response {
        var response = try JSONResponse.make(self, status: HTTPResponse.Status(code: status))
        response.headers[.contentType] = "application/problem+json"
        addHeaders(to: &response)
        return response
    }

    /// What the status asks for beside the body, whatever the body's form.
    func addHeaders(to response: inout Response) {
        switch response.status {
        case .unauthorized:
            // Basic makes browsers ask; the password is the token, the user name may be anything.
            response.headers[.wwwAuthenticate] =
                "Bearer realm=\"rosterline\", Basic realm=\"rosterline\", charset=\"UTF-8\""
        case .serviceUnavailable: response.headers[.retryAfter] = "5"
        case .methodNotAllowed: response.headers[.allow] = "GET, HEAD, POST"
        default: break
        }
    }
}

/// Answers in JSON.
enum JSONResponse {
    /// Keys in snake case and sorted; equal values give equal bytes.
    static func make(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = try encoder.encode(value)
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
