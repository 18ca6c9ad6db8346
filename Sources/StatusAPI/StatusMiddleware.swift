import HTTPTypes
import Hummingbird
import Logging

/// Names the answer with the request's id and writes the access log at debug: the route's pattern, never the address.
struct AccessMiddleware: RouterMiddleware {
    typealias Context = StatusContext

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response = try await next(request, context)
        if let name = HTTPField.Name("X-Request-Id") { response.headers[name] = context.requestID }
        let elapsed = ContinuousClock.now - start
        context.logger.debug(
            "Answered",
            metadata: [
                StatusKeys.Log.method: "\(request.method.rawValue)",
                StatusKeys.Log.route: "\(context.endpointPath ?? "none")",
                StatusKeys.Log.status: "\(response.status.code)",
                StatusKeys.Log.milliseconds: "\(Int(elapsed / .milliseconds(1)))",
            ])
        return response
    }
}

/// Headers that keep a browser from doing more with an answer than showing it.
struct SecurityHeadersMiddleware: RouterMiddleware {
    typealias Context = StatusContext

    /// Everything from this server, nothing inline: a name that got past escaping would still not run.
    private static let policy = [
        "default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self'", "connect-src 'self'",
        "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
    ].joined(separator: "; ")

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.contentSecurityPolicy] = Self.policy
        response.headers[.xContentTypeOptions] = "nosniff"
        for (name, value) in [
            ("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ] {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        return response
    }
}

/// Refuses what this service has no use for, before anything is done for it.
struct LimitsMiddleware: RouterMiddleware {
    typealias Context = StatusContext

    /// Bytes of path and query.
    private static let longestAddress = 4096

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard [.get, .head, .post].contains(request.method) else {
            throw ProblemDetails(
                .methodNotAllowed, detail: "\(request.method.rawValue.prefix(16)) is not understood here.",
                remedy: "Use GET or HEAD; POST where something is changed.")
        }
        guard request.uri.string.utf8.count <= Self.longestAddress else {
            throw ProblemDetails(
                .tooLarge, detail: "The address has more than \(Self.longestAddress) bytes.", remedy: "Shorten it.")
        }
        return try await next(request, context)
    }
}
