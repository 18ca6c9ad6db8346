package import HTTPTypes

/// The answer's head, and its body still to be read.
package struct CurlResponse: Sendable {
    /// Status and header fields; any status, errors included.
    package let head: HTTPResponse
    /// As in the status line: `HTTP/1.1`, `HTTP/2`.
    package let version: String
    package let body: CurlResponseBody
    let defaultLimit: Int

    /// The whole body.
    /// - Parameter limit: bytes; default the client's `maxResponseBodyBytes`.
    /// - Throws: `.tooLarge`, and whatever ends the transfer early.
    package func collect(upTo limit: Int? = nil) async throws(CurlError) -> [UInt8] {
        try await body.collect(upTo: limit ?? defaultLimit)
    }
}

/// A body as it comes in: chunks of 1 byte to 256 KiB, for one reader, once.
///
/// Reading slowly holds the server back (the transfer pauses once 256 KiB wait; libcurl itself may hold some more
/// under HTTP/2). Letting go of it unread cancels the transfer, as does cancelling the reading task.
package struct CurlResponseBody: AsyncSequence, Sendable {
    package typealias Element = [UInt8]
    package typealias Failure = CurlError

    /// Ends the transfer when nobody can read it any more.
    fileprivate final class Lease: Sendable {
        let transfer: CurlTransfer
        init(_ transfer: CurlTransfer) { self.transfer = transfer }
        deinit { transfer.cancel() }
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let lease: Lease

        package mutating func next() async throws(CurlError) -> [UInt8]? {
            try await lease.transfer.nextChunk()
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async throws(CurlError) -> [UInt8]? {
            try await lease.transfer.nextChunk()
        }
    }

    private let lease: Lease

    init(_ transfer: CurlTransfer) {
        lease = Lease(transfer)
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(lease: lease)
    }

    /// - Parameter limit: bytes; one more is `.tooLarge`, and the transfer is given up.
    package func collect(upTo limit: Int) async throws(CurlError) -> [UInt8] {
        var whole: [UInt8] = []
        for try await chunk in self {
            guard whole.count + chunk.count <= limit else { throw tooLarge(limit) }
            whole.append(contentsOf: chunk)
        }
        return whole
    }

    func tooLarge(_ limit: Int) -> CurlError { failure(.tooLarge, detail: "limit \(limit) bytes") }

    func failure(_ code: CurlError.Code, detail: String) -> CurlError {
        CurlError(code, operation: lease.transfer.operation, sentCompletely: true, detail: detail)
    }
}
