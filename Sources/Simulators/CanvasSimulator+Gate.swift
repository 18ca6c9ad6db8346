import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOConcurrencyHelpers

/// What every request of Canvas's API passes: the log, the faults, the throttle, the token.
struct CanvasGate: RouterMiddleware {
    let simulator: CanvasSimulator

    func handle(
        _ request: Request, context: SimulatorContext,
        next: @concurrent (Request, SimulatorContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.logNumber = simulator.shared.withLockedValue {
            $0.log.begin(method: request.method.rawValue, path: request.head.path ?? "", now: simulator.now())
        }
        let response = try await answer(request, context: context, next: next)
        simulator.shared.withLockedValue {
            $0.log.change(context.logNumber) { $0.status = response.status.code }
        }
        return response
    }

    private func answer(
        _ request: Request, context: SimulatorContext,
        next: @concurrent (Request, SimulatorContext) async throws -> Response
    ) async throws -> Response {
        if let failing = failing(request) { return failing }
        let token = CanvasGate.token(of: request)
        let isLetIn = simulator.shared.withLockedValue { shared in
            guard !shared.faults.throttle else { return false }
            return shared.buckets[token ?? "", default: ThrottleBucket(now: simulator.now())].begin(
                now: simulator.now())
        }
        guard isLetIn else { return throttled(token) }
        var response: Response
        do {
            response = try await authorised(request, token: token, context: context, next: next)
        } catch let error as SimulatorError {
            response = CanvasAnswers.error(error.code == .uploadTooLarge ? .contentTooLarge : .badRequest, "\(error)")
        }
        let remaining = simulator.shared.withLockedValue { shared -> Double in
            shared.buckets[token ?? ""]?.end(cost: simulator.settings.requestCost, now: simulator.now())
            return shared.buckets[token ?? ""]?.remaining ?? ThrottleBucket.limit
        }
        response.headers[CanvasAnswers.costHeader] = "\(simulator.settings.requestCost)"
        response.headers[CanvasAnswers.remainingHeader] = "\(remaining)"
        return response
    }

    private func failing(_ request: Request) -> Response? {
        let fault = simulator.shared.withLockedValue { shared -> CanvasFaults? in
            guard shared.faults.failNext > 0 else { return nil }
            if let method = shared.faults.failMethod, method != request.method.rawValue { return nil }
            shared.faults.failNext -= 1
            return shared.faults
        }
        guard let fault else { return nil }
        var response =
            switch fault.failStatus {
            case 401: CanvasAnswers.unauthenticated
            case 403: CanvasAnswers.forbidden(403)
            case 429: CanvasAnswers.throttled(429, remaining: -1)
            default: CanvasAnswers.error(.init(code: fault.failStatus), "The simulator fails on purpose")
            }
        if let seconds = fault.retryAfterSeconds { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }

    private func throttled(_ token: String?) -> Response {
        let (faults, remaining) = simulator.shared.withLockedValue { shared in
            (shared.faults, shared.faults.throttle ? -12.5 : shared.buckets[token ?? ""]?.remaining ?? 0)
        }
        var response = CanvasAnswers.throttled(faults.throttleStatus, remaining: remaining)
        if let seconds = faults.retryAfterSeconds { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }

    private func authorised(
        _ request: Request, token: String?, context: SimulatorContext,
        next: @concurrent (Request, SimulatorContext) async throws -> Response
    ) async throws -> Response {
        guard let token, let rights = simulator.settings.tokens[token] else { return CanvasAnswers.unauthenticated }
        // The owner of any token may ask who it is and what it may do.
        let isAboutImports = request.uri.path.contains("/sis_import")
        guard rights == .importer || !isAboutImports else {
            return CanvasAnswers.forbidden(simulator.settings.missingPermissionStatus)
        }
        return try await next(request, context)
    }

    static func token(of request: Request) -> String? {
        guard let header = request.headers[.authorization], header.lowercased().hasPrefix("bearer ") else { return nil }
        return header.dropFirst("bearer ".count).trimmingPrefix(" ").description
    }
}

/// The answers that do not depend on what is asked.
enum CanvasAnswers {
    static let costHeader = HTTPField.Name("X-Request-Cost") ?? .via
    static let linkHeader = HTTPField.Name("Link") ?? .via
    static let remainingHeader = HTTPField.Name("X-Rate-Limit-Remaining") ?? .via

    static func json(_ value: JSON, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: value.text)))
    }

    static func error(_ status: HTTPResponse.Status, _ message: String) -> Response {
        json(.object([("errors", .array([.object([("message", .string(message))])]))]), status: status)
    }

    static func message(_ status: HTTPResponse.Status, _ message: String) -> Response {
        json(.object([("message", .string(message))]), status: status)
    }

    static var notFound: Response { error(.notFound, "The specified resource does not exist.") }

    static var unauthenticated: Response {
        var response = error(.unauthorized, "Invalid access token.")
        response.headers[.wwwAuthenticate] = "Bearer realm=\"canvas-lms\""
        return response
    }

    static func forbidden(_ status: Int) -> Response {
        let errors = JSON.array([.object([("message", "user not authorized to perform that action")])])
        return json(.object([("status", "unauthorized"), ("errors", errors)]), status: .init(code: status))
    }

    static func throttled(_ status: Int, remaining: Double) -> Response {
        var response = Response(
            status: .init(code: status), headers: [.contentType: "text/plain; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: "\(status) (Rate Limit Exceeded)\n")))
        response.headers[remainingHeader] = "\(remaining)"
        return response
    }
}
