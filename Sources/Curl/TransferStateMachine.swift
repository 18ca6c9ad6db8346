/// One transfer as its two sides see it: libcurl's callbacks put in, the caller takes out. Pure; `CurlTransfer` holds
/// it under a lock.
///
/// Legal order: `received(head:)` once, `received(bytes:)` any number of times, `finish(_:)` once, whenever; on the
/// other side `awaitHead` once, then `awaitChunk` one at a time. Bytes that came before a failure are handed out
/// before the failure is.
///
/// Back-pressure: bytes are refused (the transfer pauses) while `bufferLimit` or more wait; libcurl offers the same
/// bytes again after `awaitChunk` has said that the transfer may go on. So at most `bufferLimit` plus one callback's
/// worth (16 KiB) is held.
struct TransferStateMachine<HeadWaiter, ChunkWaiter> {
    typealias Head = ResponseHeadParser.Head

    enum HeadAction {
        case suspend
        case deliver(HeadWaiter, Result<Head, CurlError>)
    }

    enum ReceiveAction {
        case buffered
        case pause
        case deliver(ChunkWaiter, [UInt8])
    }

    enum ChunkAction {
        case suspend
        /// nil bytes = the end. `resume` = the transfer was paused and may go on.
        case deliver(ChunkWaiter, Result<[UInt8]?, CurlError>, resume: Bool)
    }

    struct FinishAction {
        var head: (HeadWaiter, Result<Head, CurlError>)?
        var chunk: (ChunkWaiter, Result<[UInt8]?, CurlError>)?
    }

    /// Bytes.
    let bufferLimit: Int
    private(set) var isCancelRequested = false
    private(set) var isFinished = false
    private var head: Head?
    private var headWaiter: HeadWaiter?
    private var buffer: [UInt8] = []
    private var isPaused = false
    private var chunkWaiter: ChunkWaiter?
    private var failure: CurlError?

    init(bufferLimit: Int) {
        self.bufferLimit = bufferLimit
    }

    mutating func awaitHead(_ waiter: HeadWaiter) -> HeadAction {
        precondition(headWaiter == nil, "the head is awaited twice")
        if let head { return .deliver(waiter, .success(head)) }
        if let failure { return .deliver(waiter, .failure(failure)) }
        headWaiter = waiter
        return .suspend
    }

    mutating func received(head newHead: Head) -> HeadAction {
        head = newHead
        guard let waiter = headWaiter else { return .suspend }
        headWaiter = nil
        return .deliver(waiter, .success(newHead))
    }

    mutating func received(bytes: some Collection<UInt8>) -> ReceiveAction {
        if let waiter = chunkWaiter {
            chunkWaiter = nil
            return .deliver(waiter, Array(bytes))
        }
        guard buffer.count < bufferLimit else {
            isPaused = true
            return .pause
        }
        buffer.append(contentsOf: bytes)
        return .buffered
    }

    mutating func awaitChunk(_ waiter: ChunkWaiter) -> ChunkAction {
        precondition(chunkWaiter == nil, "two tasks read one response body")
        if !buffer.isEmpty {
            let bytes = buffer
            buffer = []
            let resume = isPaused && !isFinished
            isPaused = false
            return .deliver(waiter, .success(bytes), resume: resume)
        }
        if let failure { return .deliver(waiter, .failure(failure), resume: false) }
        if isFinished { return .deliver(waiter, .success(nil), resume: false) }
        chunkWaiter = waiter
        return .suspend
    }

    /// - Returns: whether the loop has to be told: not if it has been already, nor after the end.
    mutating func requestCancel() -> Bool {
        guard !isCancelRequested, !isFinished else { return false }
        isCancelRequested = true
        return true
    }

    /// Calls after the first do nothing.
    /// - Parameters:
    ///   - error: nil = complete.
    ///   - headless: the failure it is after all if no head has come, such as a connection that switched protocols.
    mutating func finish(_ error: CurlError?, headless: @autoclosure () -> CurlError) -> FinishAction {
        guard !isFinished else { return FinishAction() }
        isFinished = true
        failure = error ?? (head == nil ? headless() : nil)
        var action = FinishAction()
        if let waiter = headWaiter, let failure {
            headWaiter = nil
            action.head = (waiter, .failure(failure))
        }
        if let waiter = chunkWaiter {
            chunkWaiter = nil
            action.chunk = (waiter, failure.map { .failure($0) } ?? .success(nil))
        }
        return action
    }
}

extension TransferStateMachine: Sendable where HeadWaiter: Sendable, ChunkWaiter: Sendable {}
