import Glibc
import NIOConcurrencyHelpers

/// Writes lines to a descriptor without making the caller wait for its reader: lines are logged on the threads that
/// renew leases.
///
/// As a rule a line is written at once, with one `write` call, so that lines of several processes do not mix and a
/// crash loses none that was logged. While whoever reads the descriptor is behind, and for a line of more than 4 KiB, a
/// thread of its own writes; up to twice `waitingLimit` wait for it. What is beyond that is counted, and the count
/// written in its place.
///
/// Another process that writes to the same pipe can take the room between the look and the write; then the caller waits
/// after all.
package final class LogPipe: Sendable {
    /// A pipe that says it has room takes so much without blocking (POSIX's PIPE_BUF on Linux).
    private static let atOnce = 4096

    private struct State {
        var backlog: LogBacklog
        var isDraining = false
    }

    private let descriptor: Int32
    private let state: NIOLockedValueBox<State>

    /// - Parameter waitingLimit: bytes; default 1 MiB.
    package init(descriptor: Int32, waitingLimit: Int = 1 << 20) {
        self.descriptor = descriptor
        state = NIOLockedValueBox(State(backlog: LogBacklog(limit: waitingLimit)))
    }

    /// - Parameter text: a line with its line end.
    package func line(_ text: String) {
        let bytes = Array(text.utf8)
        let startsDraining = state.withLockedValue { state in
            var rest = bytes[...]
            if !state.isDraining, state.backlog.isEmpty, bytes.count <= Self.atOnce, hasRoom(timeout: 0) {
                rest = writeSome(rest)
                if rest.isEmpty { return false }
            }
            state.backlog.add(rest)
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if startsDraining { drain() }
    }

    /// Waits until all lines are written.
    /// - Returns: whether they are.
    package func flush(within patience: Duration) -> Bool {
        let deadline = ContinuousClock.now + patience
        // Without a thread to write it, what waits stays: then this says so.
        while state.withLockedValue({ $0.isDraining || !$0.backlog.isEmpty }) {
            if ContinuousClock.now > deadline { return false }
            usleep(1000)
        }
        return true
    }

    private func hasRoom(timeout milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe Glibc.poll(&poll, 1, milliseconds) > 0
    }

    /// One call. A reader that is gone, or another failure, costs the line and never the process.
    /// - Returns: what is still to be written.
    private func writeSome(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let count = bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return bytes }
        return count > 0 ? bytes.dropFirst(count) : []
    }

    /// Starts a thread that writes what waits, and ends when nothing does any more.
    private func drain() {
        var thread = pthread_t()
        let pipe = unsafe Unmanaged.passRetained(self).toOpaque()
        let status = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<LogPipe>.fromOpaque(argument).takeRetainedValue().runDrain()
                return nil
            }, pipe)
        if status == 0 {
            pthread_detach(thread)
        } else {
            // Then the next line tries again.
            unsafe Unmanaged<LogPipe>.fromOpaque(pipe).release()
            state.withLockedValue { $0.isDraining = false }
        }
    }

    private func runDrain() {
        while let lines = state.withLockedValue({ state in
            let lines = state.backlog.take()
            // In the same critical section as the look: a line must find either the thread or nobody before it.
            state.isDraining = !lines.isEmpty
            return lines.isEmpty ? nil : lines
        }) {
            for line in lines {
                var rest = line
                while !rest.isEmpty {
                    rest = writeSome(rest)
                    if !rest.isEmpty { _ = hasRoom(timeout: -1) }
                }
            }
        }
    }
}

/// Lines that wait for a slow reader: a queue with a limit, which counts what it cannot take.
struct LogBacklog {
    private let limit: Int
    private var lines: [ArraySlice<UInt8>] = []
    private var bytes = 0
    private var dropped = 0

    /// - Parameter limit: bytes.
    init(limit: Int) {
        self.limit = limit
    }

    var isEmpty: Bool { lines.isEmpty && dropped == 0 }

    mutating func add(_ line: ArraySlice<UInt8>) {
        // Once a line is dropped, those behind it are too, until their number has been taken in their place.
        guard dropped == 0, bytes + line.count <= limit else {
            dropped += 1
            return
        }
        bytes += line.count
        lines.append(line)
    }

    /// All that waits, oldest first, and how many lines are missing behind it.
    mutating func take() -> [ArraySlice<UInt8>] {
        if dropped > 0 {
            lines.append(
                Array("\(dropped) log lines are missing here: they came faster than they were read.\n".utf8)[...])
        }
        defer { (lines, bytes, dropped) = ([], 0, 0) }
        return lines
    }
}
