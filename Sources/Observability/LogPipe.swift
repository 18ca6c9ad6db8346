import Glibc
import NIOConcurrencyHelpers

/// Writes lines to a descriptor without ever making a caller wait: lines are logged on the threads that renew leases.
///
/// As a rule a line is written at once, with one `write` call, so that lines of several processes never mix and a crash
/// loses none that was logged. While whoever reads the descriptor is behind, lines wait for a thread of their own,
/// `waitingLimit` bytes of them; what is beyond that is counted, and the count written as soon as there is room. What
/// still waits when the process ends is lost.
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
            if !state.isDraining, bytes.count <= Self.atOnce, hasRoom(timeout: 0) {
                write(bytes)
                return false
            }
            state.backlog.add(bytes)
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if startsDraining { drain() }
    }

    private func hasRoom(timeout milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe Glibc.poll(&poll, 1, milliseconds) > 0
    }

    /// A reader that is gone, or another failure of the call, costs the line and never the process.
    private func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN && hasRoom(timeout: -1) { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
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
        precondition(status == 0, "no thread for log lines: error \(status)")
        pthread_detach(thread)
    }

    private func runDrain() {
        while let lines = state.withLockedValue({ state in
            let lines = state.backlog.take()
            // In the same critical section as the look: a line must find either the thread or nobody before it.
            state.isDraining = !lines.isEmpty
            return lines.isEmpty ? nil : lines
        }) {
            for line in lines { write(line) }
        }
    }
}

/// Lines that wait for a slow reader: a queue with a limit, which counts what it cannot take.
struct LogBacklog {
    private let limit: Int
    private var lines: [[UInt8]] = []
    private var bytes = 0
    private var dropped = 0

    /// - Parameter limit: bytes.
    init(limit: Int) {
        self.limit = limit
    }

    mutating func add(_ line: [UInt8]) {
        // Once a line is dropped, those behind it are too, until their number has been written in their place.
        guard dropped == 0, bytes + line.count <= limit else {
            dropped += 1
            return
        }
        bytes += line.count
        lines.append(line)
    }

    /// All that waits, oldest first, and how many lines are missing behind it.
    mutating func take() -> [[UInt8]] {
        if dropped > 0 {
            lines.append(
                Array("\(dropped) log lines are missing here: the reader of this process's log was too slow.\n".utf8))
        }
        defer { (lines, bytes, dropped) = ([], 0, 0) }
        return lines
    }
}
