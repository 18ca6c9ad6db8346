package import Curl
import HTTPTypes
package import Logging

/// Canvas's REST API as far as a roster sync needs it, for one account and one token.
///
/// It asks once and answers with a value or a `CanvasError`; when to ask again is the caller's business, who knows
/// whether asking twice does harm. The token is fetched anew for each request, so that one that was replaced is used
/// at once, and is sent to the configured host only.
package struct CanvasClient: Sendable {
    package let configuration: CanvasConfiguration
    let http: CurlClient
    let logger: Logger
    private let token: @Sendable () async throws -> String
    private let onRateLimit: @Sendable (CanvasRateLimit) -> Void

    /// - Parameters:
    ///   - token: the access token; what it throws becomes `.tokenUnreadable`, with its description as remedy,
    ///     which is shown to people and so must not hold the token.
    ///   - onRateLimit: told after each answer that carries Canvas's figures.
    package init(
        configuration: CanvasConfiguration,
        http: CurlClient,
        logger: Logger,
        onRateLimit: @escaping @Sendable (CanvasRateLimit) -> Void = { _ in },
        token: @escaping @Sendable () async throws -> String
    ) {
        self.configuration = configuration
        self.http = http
        self.logger = logger
        self.onRateLimit = onRateLimit
        self.token = token
    }

    /// Sends to a path below the address, and reads a 2xx answer as JSON.
    func json(
        _ method: HTTPRequest.Method,
        _ path: String,
        body: CurlBody = .none,
        options: CurlRequestOptions? = nil,
        operation: String
    ) async throws(CanvasError) -> (JSONValue, HTTPResponse) {
        let request = HTTPRequest(
            method: method,
            scheme: configuration.scheme,
            authority: configuration.authority,
            path: configuration.pathPrefix + path,
            headerFields: [.accept: "application/json"]
        )
        let options = options ?? CurlRequestOptions(totalTimeout: configuration.answerTimeout)
        let response = try await answer(to: request, body: body, options: options, sendsToken: true, operation)
        let bytes = try await whole(response, operation)
        guard let value = JSONValue(bytes: bytes) else {
            throw unreadable(operation, response.head, "no JSON")
        }
        return (value, response.head)
    }

    /// Sends; anything but 2xx is an error.
    func answer(
        to request: HTTPRequest,
        body: CurlBody = .none,
        options: CurlRequestOptions,
        sendsToken: Bool,
        _ operation: String
    ) async throws(CanvasError) -> CurlResponse {
        var request = request
        if sendsToken { request.headerFields[.authorization] = "Bearer \(try await currentToken(operation))" }
        let response: CurlResponse
        do throws(CurlError) {
            response = try await http.send(request, body: body, options: options)
        } catch {
            throw CanvasError(error, operation: operation)
        }
        let rateLimit = CanvasRateLimit(response.head.headerFields)
        if rateLimit.remaining != nil { onRateLimit(rateLimit) }
        logger.trace("Canvas answered", metadata: metadata(operation, response.head, rateLimit))
        guard response.head.status.kind == .successful else {
            // What cannot be read of an error does not change that it is one.
            let text = (try? await response.collect(upTo: 64 << 10)) ?? []
            throw CanvasError(response.head, body: text, operation: operation, limits: configuration)
        }
        return response
    }

    func unreadable(_ operation: String, _ head: HTTPResponse, _ detail: String) -> CanvasError {
        CanvasError(
            .unreadableAnswer,
            operation: operation,
            status: head.status.code,
            mayHaveArrived: true,
            detail: detail
        )
    }

    private func whole(_ response: CurlResponse, _ operation: String) async throws(CanvasError) -> [UInt8] {
        do throws(CurlError) {
            return try await response.collect(upTo: configuration.maxAnswerBytes)
        } catch {
            throw CanvasError(error, operation: operation)
        }
    }

    private func currentToken(_ operation: String) async throws(CanvasError) -> String {
        let value: String
        do {
            value = try await token()
        } catch {
            throw CanvasError(tokenUnreadable: Self.sentence("\(error)"), operation: operation)
        }
        // A line break in it would end the header.
        guard !value.isEmpty, value.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw CanvasError(
                tokenUnreadable:
                    "It is empty or has characters that no token has: put one line there, the token and nothing else.",
                operation: operation)
        }
        return value
    }

    /// Begins as a sentence does, as it follows one.
    private static func sentence(_ words: String) -> String { words.prefix(1).uppercased() + words.dropFirst() }

    private func metadata(_ operation: String, _ head: HTTPResponse, _ rateLimit: CanvasRateLimit) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            CanvasKeys.Log.operation: "\(operation)", CanvasKeys.Log.status: "\(head.status.code)",
        ]
        if let cost = rateLimit.cost { metadata[CanvasKeys.Log.cost] = "\(cost)" }
        if let remaining = rateLimit.remaining { metadata[CanvasKeys.Log.remaining] = "\(remaining)" }
        return metadata
    }
}
