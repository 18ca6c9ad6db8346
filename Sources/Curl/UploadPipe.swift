import NIOConcurrencyHelpers

/// Between the caller's sequence, which a task pumps in, and libcurl's read callback, which takes out.
///
/// At most one chunk above `limit` waits. The writer sleeps while the pipe is full; libcurl pauses while it is empty
/// and is woken by the next write. Closing ends both.
final class UploadPipe: Sendable {
    enum Taken: Equatable {
        case bytes(Int)
        /// Nothing now; `onData` is called once there is.
        case wait
        case end
        case failed
    }

    private struct State {
        var buffer: [UInt8] = []
        var offset = 0
        var isEnded = false
        var isFailed = false
        var isClosed = false
        var isReaderWaiting = false
        var writer: CheckedContinuation<Void, Never>?
        var pump: Task<Void, Never>?

        var waiting: Int { buffer.count - offset }
    }

    /// Bytes that wait before the writer has to.
    static let limit = 256 << 10

    private let onData: @Sendable () -> Void
    private let state = NIOLockedValueBox(State())

    /// - Parameter onData: wakes a reader that was told `.wait`; called on the writer's task.
    init(onData: @escaping @Sendable () -> Void) {
        self.onData = onData
    }

    /// Pumps the sequence in until it ends, fails, breaks its announced length, or the pipe closes.
    func pump(_ sequence: any AsyncSequence<[UInt8], any Error> & Sendable, length: Int64?) async {
        var written: Int64 = 0
        var isOpen = true
        do {
            for try await chunk in sequence {
                guard isOpen else { return }
                written += Int64(chunk.count)
                if let length, written > length { return end(failed: true) }
                // Closed: asked once more, by a task that `close()` cancels, the sequence learns that nobody listens.
                isOpen = await write(chunk)
            }
        } catch {
            // The caller sees `.bodyFailed`; why their own sequence threw they know best.
            return end(failed: true)
        }
        guard isOpen else { return }
        end(failed: length.map { $0 != written } ?? false)
    }

    /// Called by libcurl's callback: fills `target` from the front.
    func take(into target: UnsafeMutableRawBufferPointer) -> Taken {
        let (taken, writer) = state.withLockedValue { state -> (Taken, CheckedContinuation<Void, Never>?) in
            if state.isFailed { return (.failed, nil) }
            let count = min(state.waiting, target.count)
            guard count > 0 else {
                state.isReaderWaiting = !state.isEnded
                return (state.isEnded ? .end : .wait, nil)
            }
            unsafe target.copyBytes(from: state.buffer[state.offset..<state.offset + count])
            state.offset += count
            if state.waiting == 0 {
                state.buffer.removeAll(keepingCapacity: true)
                state.offset = 0
            }
            guard state.waiting < Self.limit else { return (.bytes(count), nil) }
            defer { state.writer = nil }
            return (.bytes(count), state.writer)
        }
        writer?.resume()
        return taken
    }

    /// Lets libcurl ask again although nothing was written.
    func wakeReader() {
        onData()
    }

    /// Who pumps, to be cancelled by `close()`: the sequence may be waiting for something that never comes.
    func attach(_ pump: Task<Void, Never>) {
        let isClosed = state.withLockedValue { state in
            state.pump = pump
            return state.isClosed
        }
        if isClosed { pump.cancel() }
    }

    /// The transfer is over: nothing will be taken any more.
    func close() {
        let (writer, pump) = state.withLockedValue { state in
            state.isClosed = true
            defer { (state.writer, state.pump) = (nil, nil) }
            return (state.writer, state.pump)
        }
        writer?.resume()
        pump?.cancel()
    }

    /// - Returns: false once the pipe is closed.
    private func write(_ chunk: [UInt8]) async -> Bool {
        guard !chunk.isEmpty else { return true }
        let wakesReader = state.withLockedValue { state in
            state.buffer.append(contentsOf: chunk)
            defer { state.isReaderWaiting = false }
            return state.isReaderWaiting
        }
        if wakesReader { onData() }
        await withCheckedContinuation { continuation in
            let waits = state.withLockedValue { state in
                guard state.waiting >= Self.limit, !state.isClosed else { return false }
                state.writer = continuation
                return true
            }
            if !waits { continuation.resume() }
        }
        return !state.withLockedValue { $0.isClosed }
    }

    private func end(failed: Bool) {
        let wakesReader = state.withLockedValue { state in
            state.isEnded = true
            state.isFailed = failed
            defer { state.isReaderWaiting = false }
            return state.isReaderWaiting
        }
        if wakesReader { onData() }
    }
}
