import NIOConcurrencyHelpers

/// What the loop's thread and the caller's task share of one transfer: a state machine under a lock, nothing of
/// libcurl.
final class CurlTransfer: Sendable {
    typealias Head = ResponseHeadParser.Head
    typealias HeadContinuation = CheckedContinuation<Result<Head, CurlError>, Never>
    typealias ChunkContinuation = CheckedContinuation<Result<[UInt8]?, CurlError>, Never>
    private typealias Machine = TransferStateMachine<HeadContinuation, ChunkContinuation>

    /// Bytes of an answer that wait for the caller before the transfer pauses.
    static let bufferLimit = 256 << 10

    let id: UInt64
    /// Method and address as errors and logs may show them.
    let operation: String
    private let mailbox: CurlMailbox
    private let machine = NIOLockedValueBox(Machine(bufferLimit: CurlTransfer.bufferLimit))

    init(id: UInt64, operation: String, mailbox: CurlMailbox) {
        self.id = id
        self.operation = operation
        self.mailbox = mailbox
    }

    var isCancelRequested: Bool { machine.withLockedValue { $0.isCancelRequested } }

    // MARK: - The caller's side

    /// Cancelling the task ends the transfer, and then this with `.cancelled`.
    func head() async throws(CurlError) -> Head {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: HeadContinuation) in
                let action = machine.withLockedValue { $0.awaitHead(continuation) }
                if case .deliver(let waiter, let result) = action { waiter.resume(returning: result) }
            }
        } onCancel: {
            cancel()
        }
        return try result.get()
    }

    /// - Returns: what has come since the last call, never empty; nil at the end. Cancelling as in `head()`.
    func nextChunk() async throws(CurlError) -> [UInt8]? {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: ChunkContinuation) in
                let action = machine.withLockedValue { $0.awaitChunk(continuation) }
                guard case .deliver(let waiter, let result, let resume) = action else { return }
                if resume { mailbox.post(.resumeReceiving(id)) }
                waiter.resume(returning: result)
            }
        } onCancel: {
            cancel()
        }
        return try result.get()
    }

    /// Asks the loop to take the transfer off libcurl; the connection of an HTTP/1.1 transfer under way is closed by
    /// that.
    func cancel() {
        if machine.withLockedValue({ $0.requestCancel() }) { mailbox.post(.cancel(id)) }
    }

    // MARK: - The loop's side

    func received(head: Head) {
        let action = machine.withLockedValue { $0.received(head: head) }
        if case .deliver(let waiter, let result) = action { waiter.resume(returning: result) }
    }

    /// - Returns: false = not taken, pause and offer the same again.
    func received(bytes: some Collection<UInt8>) -> Bool {
        switch machine.withLockedValue({ $0.received(bytes: bytes) }) {
        case .buffered: return true
        case .pause: return false
        case .deliver(let waiter, let chunk):
            waiter.resume(returning: .success(chunk))
            return true
        }
    }

    /// - Parameter error: nil = complete.
    func finish(_ error: CurlError?) {
        let action = machine.withLockedValue { machine in
            machine.finish(error, headless: CurlError(.receiveFailed, operation: operation, sentCompletely: true))
        }
        if let (waiter, result) = action.head { waiter.resume(returning: result) }
        if let (waiter, result) = action.chunk { waiter.resume(returning: result) }
    }
}
