package import Curl
import FoundationEssentials
import HTTPTypes

/// Why Canvas did not do what was asked.
package struct CanvasError: Error, Sendable {
    /// What callers act on.
    package enum Code: String, Sendable, CaseIterable {
        /// The token is unknown to Canvas, expired or revoked.
        case unauthorized
        /// The token could not be had where its secret should be, or is no token; Canvas was not asked.
        case tokenUnreadable
        /// The token's owner lacks a permission, or SIS imports are off.
        case forbidden
        /// Over the rate limit: see `retryAfter`.
        case throttled
        case notFound
        /// Canvas refuses the request as it is.
        case badRequest
        /// Canvas, or something in front of it, failed.
        case serverError
        /// A success that is not what it should be.
        case unreadableAnswer
        /// No answer: see `transport`.
        case transport
    }

    package let code: Code
    /// What was asked for, such as `create SIS import`.
    package let operation: String
    /// nil without an answer.
    package let status: Int?
    /// What a person can do about it.
    package let remedy: String
    /// Whether the same request may succeed later without anybody's help.
    package let isTransient: Bool
    /// Whether Canvas may have done what was asked all the same; then look before asking again.
    package let requestMayHaveArrived: Bool
    /// How long to wait before anything else is asked with this token; 1 s to 15 min. Set when throttled, and where a
    /// failing server asked for it.
    package let retryAfter: Duration?
    /// Why there was no answer.
    package let transport: CurlError?
    /// Canvas's own words, at most 500 characters, for debug logs only.
    package let detail: String

    /// No answer.
    init(_ error: CurlError, operation: String) {
        code = .transport
        self.operation = operation
        status = nil
        remedy = error.remedy
        isTransient = error.isTransient
        requestMayHaveArrived = error.requestMayHaveArrived
        retryAfter = nil
        transport = error
        detail = error.detail
    }

    /// An answer that is an error.
    init(_ head: HTTPResponse, body: [UInt8], operation: String, limits: CanvasConfiguration) {
        let text = String(decoding: body.prefix(2000), as: UTF8.self)
        let rateLimit = CanvasRateLimit(head.headerFields)
        let code = Self.code(head, text, rateLimit)
        self.code = code
        self.operation = operation
        status = head.status.code
        remedy = Self.remedy(code)
        isTransient = code == .throttled || code == .serverError
        // A gateway in front of Canvas may give up on what Canvas goes on with; a refusal has done nothing.
        requestMayHaveArrived = code == .serverError || code == .unreadableAnswer
        retryAfter = Self.retryAfter(head, code, rateLimit, limits)
        transport = nil
        detail = String(text.prefix(500))
    }

    /// A token that cannot be had; the words are those of the secret, which name its place and what to do there.
    init(tokenUnreadable words: String, operation: String) {
        code = .tokenUnreadable
        self.operation = operation
        status = nil
        remedy = words
        isTransient = false
        requestMayHaveArrived = false
        retryAfter = nil
        transport = nil
        detail = ""
    }

    /// An answer that cannot be used.
    init(_ code: Code, operation: String, status: Int?, mayHaveArrived: Bool, detail: String) {
        self.code = code
        self.operation = operation
        self.status = status
        remedy = Self.remedy(code)
        isTransient = false
        requestMayHaveArrived = mayHaveArrived
        retryAfter = nil
        transport = nil
        self.detail = String(detail.prefix(500))
    }

    private static func code(_ head: HTTPResponse, _ text: String, _ rateLimit: CanvasRateLimit) -> Code {
        switch head.status.code {
        case 401:
            // Older versions say 401 for a missing permission too; only a bad token comes with a challenge.
            head.headerFields[.wwwAuthenticate] == nil && text.contains("not authorized") ? .forbidden : .unauthorized
        case 403:
            text.contains("Rate Limit Exceeded") || (rateLimit.remaining ?? 1) <= 0 ? .throttled : .forbidden
        case 429: .throttled
        case 404: .notFound
        case 408, 500...: .serverError
        case 400..<500: .badRequest
        default: .unreadableAnswer
        }
    }

    /// `Retry-After` where Canvas sends one (its documentation knows none), else from the bucket's level.
    private static func retryAfter(
        _ head: HTTPResponse,
        _ code: Code,
        _ rateLimit: CanvasRateLimit,
        _ limits: CanvasConfiguration
    ) -> Duration? {
        guard code == .throttled || code == .serverError else { return nil }
        let said = head.headerFields[.retryAfter].flatMap { Int64($0) }.map { Duration.seconds($0) }
        guard let wait = said ?? (code == .throttled ? rateLimit.wait(fallback: limits.throttleWait) : nil) else {
            return nil
        }
        return min(max(wait, .seconds(1)), limits.longestWait)
    }

    private static func remedy(_ code: Code) -> String {
        switch code {
        // Never used: this one comes with words of its own.
        case .tokenUnreadable: "Put the access token where the integration's secret points to."
        case .unauthorized: "Make a new access token in Canvas and put it where the integration's secret points to."
        case .forbidden:
            "Give the token's owner the permission to import SIS data, and switch SIS imports on for the account."
        case .throttled: "Nothing: it goes on by itself. Fewer requests at once with this token help."
        case .notFound: "Check the configured address and account; the account must be a root account."
        case .badRequest: "Check the import settings of the integration; Canvas's words are in the debug log."
        case .serverError: "Nothing: it is tried again. If it lasts, see Canvas's status page."
        case .unreadableAnswer:
            "Check that the configured address is Canvas's and no sign-in page stands in front of it."
        case .transport: "Check the network."
        }
    }
}

extension CanvasError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Short, without Canvas's words.
    package var description: String {
        let number = status.map { " (\($0))" } ?? ""
        return "Could not \(operation): \(reason)\(number). \(remedy)"
    }

    private var reason: String {
        switch code {
        case .unauthorized: "Canvas does not accept the token"
        case .tokenUnreadable: "the token cannot be read"
        case .forbidden: "Canvas does not allow it to the token's owner"
        case .throttled: "Canvas asks for fewer requests"
        case .notFound: "Canvas knows no such thing"
        case .badRequest: "Canvas refuses the request as it is"
        case .serverError: "Canvas failed"
        case .unreadableAnswer: "the answer is not one of Canvas"
        case .transport: transport.map { Self.reason($0.code) } ?? "there was no answer"
        }
    }

    private static func reason(_ code: CurlError.Code) -> String {
        switch code {
        case .couldNotResolve: "the host of Canvas cannot be found"
        case .couldNotConnect: "Canvas cannot be reached"
        case .proxyFailed: "the proxy cannot be used"
        case .timedOut: "there was no answer in time"
        case .tlsFailed: "the connection is not secure"
        case .sendFailed, .receiveFailed: "the connection broke"
        case .tooLarge: "the answer is larger than the limit"
        case .tooManyRedirects: "there are too many redirects"
        case .invalidRequest: "the address cannot be used"
        case .unreadableFile, .bodyFailed: "the file to send cannot be read"
        case .unwritableFile: "the file to save cannot be written"
        case .cancelled: "it was cancelled"
        case .closed: "the client has been shut down"
        case .overloaded: "too many requests are under way"
        case .other: "the request failed"
        }
    }

    /// With Canvas's words.
    package var debugDescription: String { detail.isEmpty ? description : "\(description) [\(detail)]" }
}
