import FoundationEssentials
import HTTPTypes
import Hummingbird

/// Lets through who carries the token: `Authorization: Bearer …`, or Basic with the token as the password, which is
/// what browsers can ask for. Health is open: what starts and stops processes has no token. Never from the address,
/// which ends up in logs.
struct Authentication: RouterMiddleware {
    typealias Context = StatusContext

    let token: @Sendable () throws -> String

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let health = StatusRouter.prefix + "/health"
        if request.uri.path == health || request.uri.path.hasPrefix(health + "/") {
            return try await next(request, context)
        }
        let expected = try token()
        guard let given = Self.token(in: request.headers[.authorization]), !expected.isEmpty,
            Self.isEqual(given, expected)
        else {
            throw ProblemDetails(
                .unauthorized, detail: "The request carries no valid token.",
                remedy: "Send it as 'Authorization: Bearer …', or as the password when the browser asks.")
        }
        return try await next(request, context)
    }

    static func token(in header: String?) -> String? {
        guard let header, let blank = header.firstIndex(of: " ") else { return nil }
        let value = header[header.index(after: blank)...].drop { $0 == " " }
        switch header[..<blank].lowercased() {
        case "bearer": return String(value)
        case "basic":
            guard let data = Data(base64Encoded: String(value)) else { return nil }
            let text = String(decoding: data, as: UTF8.self)
            guard let colon = text.firstIndex(of: ":") else { return nil }
            return String(text[text.index(after: colon)...])
        default: return nil
        }
    }

    /// Compares all bytes whatever they are, so that the time taken does not tell how many are right.
    static func isEqual(_ given: String, _ expected: String) -> Bool {
        let given = Array(given.utf8)
        let expected = Array(expected.utf8)
        var difference = given.count ^ expected.count
        for index in expected.indices {
            difference |= Int(expected[index] ^ (index < given.count ? given[index] : 0))
        }
        return difference == 0
    }
}
