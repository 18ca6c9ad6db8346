import CCurl

/// Why a request got no answer, or not the whole of it. An answer with an error status is no `CurlError`.
package struct CurlError: Error, Sendable {
    /// What callers act on.
    package enum Code: String, Sendable, CaseIterable {
        case couldNotResolve
        case couldNotConnect
        /// The proxy could not be found, or refused.
        case proxyFailed
        /// One of the timeouts of `CurlConfiguration`: connecting, too slow, or total.
        case timedOut
        /// No TLS, or a certificate that is not trusted.
        case tlsFailed
        case sendFailed
        /// The answer broke off, or is no HTTP.
        case receiveFailed
        /// More bytes than the caller's limit.
        case tooLarge
        case tooManyRedirects
        /// The address or a header cannot be sent.
        case invalidRequest
        /// A file to send cannot be opened or read.
        case unreadableFile
        /// A file to save to cannot be written.
        case unwritableFile
        /// The caller's body sequence threw, or broke its announced length.
        case bodyFailed
        /// The task was cancelled, or the response thrown away.
        case cancelled
        /// The client has been shut down.
        case closed
        /// More requests at once than `CurlConfiguration.maxRequests`.
        case overloaded
        case other
    }

    package let code: Code
    /// libcurl's own code; nil where the failure is not libcurl's.
    package let curlCode: CurlCode?
    /// Method and address without query and user information.
    package let operation: String
    /// What a person can do about it.
    package let remedy: String
    /// Whether the same request may succeed later without anybody's help.
    package let isTransient: Bool
    /// Whether the whole request left this machine: false = certainly not, so the server cannot have acted on it;
    /// true = yes, it may have been acted on; nil = cannot be known.
    package let sentCompletely: Bool?
    /// libcurl's or the system's text, for debug logs only: it may name hosts and paths.
    package let detail: String

    /// - Parameter isTransient: nil = what `code` says.
    init(
        _ code: Code,
        curlCode: CurlCode? = nil,
        operation: String,
        sentCompletely: Bool?,
        isTransient: Bool? = nil,
        detail: String = ""
    ) {
        self.code = code
        self.curlCode = curlCode
        self.operation = operation
        self.remedy = code.remedy
        self.isTransient = isTransient ?? Self.isTransient(code, curlCode)
        self.sentCompletely = sentCompletely
        self.detail = detail
    }

    /// For a POST: whether sending it again could do the thing twice.
    package var requestMayHaveArrived: Bool { sentCompletely != false }

    private static func isTransient(_ code: Code, _ curlCode: CurlCode?) -> Bool {
        switch code {
        case .couldNotResolve, .couldNotConnect, .proxyFailed, .timedOut, .sendFailed, .receiveFailed, .overloaded:
            true
        case .tlsFailed:
            // A handshake that breaks off may be a restart of the server; a certificate that is refused stays so.
            curlCode == CurlCode(CURLE_SSL_CONNECT_ERROR)
        case .tooLarge, .tooManyRedirects, .invalidRequest, .unreadableFile, .unwritableFile, .bodyFailed, .cancelled,
            .closed, .other:
            false
        }
    }
}

extension CurlError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Short, without libcurl's text.
    package var description: String {
        let number = curlCode.map { " (curl \($0.rawValue))" } ?? ""
        return "\(code.rawValue)\(number) at \(operation): \(remedy)"
    }

    /// With libcurl's text.
    package var debugDescription: String { detail.isEmpty ? description : "\(description) [\(detail)]" }
}

extension CurlError.Code {
    /// What a person can do.
    var remedy: String {
        switch self {
        case .couldNotResolve: "Check the host's name and this machine's DNS."
        case .couldNotConnect: "Check that the host and port are right and that a firewall lets us through."
        case .proxyFailed: "Check the configured proxy, its user and its password."
        case .timedOut: "Check the network and the server's load; the timeouts are configuration."
        case .tlsFailed: "Check the server's certificate, and the configured file of trusted authorities."
        case .sendFailed, .receiveFailed: "The connection broke; it is tried again where that is safe."
        case .tooLarge: "Raise the limit if an answer of this size is expected."
        case .tooManyRedirects: "Check the address: its redirects lead in a circle or are too many."
        case .invalidRequest: "Check the configured address."
        case .unreadableFile: "Check that the file exists and may be read."
        case .unwritableFile: "Check the folder's permissions and the free space of the disk."
        case .bodyFailed: "The data to send could not be produced; see the error before this one."
        case .cancelled: "Nothing: it was asked for."
        case .closed: "Nothing: the program is stopping."
        case .overloaded: "Fewer requests at once, or raise the client's limit."
        case .other: "See the debug log for libcurl's own text."
        }
    }
}
