import CCurl
import Glibc
package import HTTPTypes
package import Logging
import NIOConcurrencyHelpers

/// HTTP/1.1 and HTTP/2 over libcurl: one thread, a pool of connections, any number of requests at once.
///
/// A request costs one lock and at most one wake-up of the thread; no thread of the cooperative pool ever waits.
/// Bodies stream both ways with bounded memory. Nothing is tried again here but what libcurl can prove was never sent
/// (a pooled connection that had died).
package final class CurlClient: Sendable {
    private let configuration: CurlConfiguration
    private let logger: Logger
    private let mailbox = CurlMailbox()
    private let nextID = NIOLockedValueBox<UInt64>(0)

    /// Starts the thread. The client ends it when it is let go of, but `shutdown()` says so more clearly.
    package init(configuration: CurlConfiguration = CurlConfiguration(), logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        _ = Self.globalInitialisation
        CurlLoop.start(configuration: configuration, mailbox: mailbox)
    }

    deinit { shutdown() }

    /// Ends everything under way with `.closed`, and refuses what comes after. Returns at once; calling it again does
    /// nothing.
    package func shutdown() {
        mailbox.post(.shutdown)
    }

    /// Sends, and returns as soon as the head of the answer is there; the body is still to be read.
    ///
    /// The request needs `scheme` (http or https), `authority` and `path`. `Expect` is never sent. Cancelling the
    /// task takes the transfer off libcurl and throws `.cancelled`.
    /// - Throws: `CurlError`; any answer, 4xx and 5xx too, is none.
    package func send(
        _ request: HTTPRequest,
        body: CurlBody = .none,
        options: CurlRequestOptions = CurlRequestOptions()
    ) async throws(CurlError) -> CurlResponse {
        let id = nextID.withLockedValue { value in
            value += 1
            return value
        }
        let operation = PreparedRequest.operation(of: request)
        let transfer = CurlTransfer(id: id, operation: operation, mailbox: mailbox)
        let source = try uploadSource(for: body, id: id, operation: operation)
        guard
            let prepared = PreparedRequest(request, source: source, configuration: configuration, options: options)
        else {
            throw CurlError(.invalidRequest, operation: operation, sentCompletely: false, detail: "no http(s) address")
        }
        guard !Task.isCancelled else { throw CurlError(.cancelled, operation: operation, sentCompletely: false) }
        guard mailbox.post(.start(transfer, prepared)) else {
            throw CurlError(.closed, operation: operation, sentCompletely: false)
        }
        startPump(body, source)
        do throws(CurlError) {
            let head = try await transfer.head()
            logger.trace("answered", metadata: metadata(operation, head.response))
            return CurlResponse(
                head: head.response,
                version: head.version,
                body: CurlResponseBody(transfer),
                defaultLimit: configuration.maxResponseBodyBytes
            )
        } catch {
            // The loop has closed the pipe already, unless it never began.
            if case .pipe(let pipe, _) = source { pipe.close() }
            logger.debug("request failed", metadata: metadata(error))
            throw error
        }
    }

    private func uploadSource(for body: CurlBody, id: UInt64, operation: String) throws(CurlError) -> UploadSource {
        switch body {
        case .none: return .none
        case .bytes(let bytes): return .bytes(bytes)
        case .multipart(let parts): return .multipart(parts)
        case .stream(let length, _):
            let mailbox = mailbox
            return .pipe(UploadPipe { mailbox.post(.resumeSending(id)) }, length: length)
        case .file(let path):
            guard let file = UploadFile(path: path) else {
                let reason = unsafe String(cString: strerror(errno))
                throw CurlError(.unreadableFile, operation: operation, sentCompletely: false, detail: reason)
            }
            return .file(file)
        }
    }

    /// A task of its own, as a server may answer while the body is still going out, and `send` returns then. It ends
    /// with the sequence, or with the transfer, which closes the pipe and so cancels it.
    private func startPump(_ body: CurlBody, _ source: UploadSource) {
        guard case .stream(let length, let sequence) = body, case .pipe(let pipe, _) = source else { return }
        pipe.attach(Task { await pipe.pump(sequence, length: length) })
    }

    private func metadata(_ operation: String, _ response: HTTPResponse) -> Logger.Metadata {
        [CurlKeys.Log.operation: "\(operation)", CurlKeys.Log.status: "\(response.status.code)"]
    }

    private func metadata(_ error: CurlError) -> Logger.Metadata {
        [
            CurlKeys.Log.operation: "\(error.operation)", CurlKeys.Log.code: "\(error.code.rawValue)",
            CurlKeys.Log.curlCode: "\(error.curlCode?.rawValue ?? 0)",
        ]
    }

    /// Once per process, before any handle. libcurl leaves SIGPIPE to us, as `CURLOPT_NOSIGNAL` is set.
    private static let globalInitialisation: Bool = {
        signal(SIGPIPE, SIG_IGN)
        let result = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        precondition(result == CURLE_OK, "curl_global_init failed with \(result.rawValue)")
        return true
    }()
}
