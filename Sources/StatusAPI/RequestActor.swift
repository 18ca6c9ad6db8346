import FoundationEssentials
import HTTPTypes
import Hummingbird
import Storage

/// Who asks for a change: the name that a browser was given beside the token, or the token itself.
enum RequestActor {
    private static let longestName = 60

    static func name(of request: Request) -> String {
        guard let user = user(in: request.headers[.authorization]) else { return "status token (API)" }
        return user.isEmpty ? "status token (page)" : "\(user) (page)"
    }

    /// The user name of Basic credentials without control characters; nil for any other kind.
    static func user(in header: String?) -> String? {
        guard let header, let blank = header.firstIndex(of: " "), header[..<blank].lowercased() == "basic" else {
            return nil
        }
        let value = header[header.index(after: blank)...].drop { $0 == " " }
        guard let data = Data(base64Encoded: String(value)) else { return nil }
        let name = String(decoding: data, as: UTF8.self).prefix { $0 != ":" }
        return String(name.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.map(Character.init))
            .prefix(longestName).trimmingBlanks
    }
}

extension StringProtocol {
    /// Without blanks at its ends.
    var trimmingBlanks: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

/// Lets a change through only if nobody can have made a browser send it.
///
/// Browsers send a login along with whatever a foreign page makes them send, so the login alone proves nothing. They
/// also say where a request comes from, in fields that a page cannot set; programs send neither field and carry the
/// token because they want to.
/// - SeeAlso: https://developer.mozilla.org/docs/Web/HTTP/Headers/Sec-Fetch-Site
enum RequestOrigin {
    static func isOwn(_ request: Request) -> Bool {
        if let name = HTTPField.Name("Sec-Fetch-Site"), let site = request.headers[name] {
            return site == "same-origin"
        }
        guard let name = HTTPField.Name("Origin"), let origin = request.headers[name] else { return true }
        guard let host = request.head.authority, let scheme = origin.firstRange(of: "://") else { return false }
        return origin[scheme.upperBound...].lowercased() == host.lowercased()
    }
}

/// The gate before every change.
struct ChangeGate: RouterMiddleware {
    typealias Context = StatusContext

    /// Without a token anybody may look, and nobody may change.
    let hasToken: Bool

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.method == .post else { return try await next(request, context) }
        guard hasToken else {
            throw ProblemDetails(
                .forbidden, detail: "This service has no token, so it only shows.",
                remedy: "Set ROSTERLINE_STATUS_TOKEN, or use the command line: 'rosterline help' lists what it can do.")
        }
        guard RequestOrigin.isOwn(request) else {
            throw ProblemDetails(
                .forbidden, detail: "The request comes from another site.",
                remedy: "Open the page here and use its own button.")
        }
        return try await next(request, context)
    }
}
