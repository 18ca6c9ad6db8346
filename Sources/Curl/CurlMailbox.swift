import CCurl
import NIOConcurrencyHelpers

/// What other threads ask of the loop, and how they wake it.
///
/// The queue holds at most a start, a cancel and a few resumes for each request, so `CurlConfiguration.maxRequests`
/// bounds it.
final class CurlMailbox: Sendable {
    enum Command: Sendable {
        case start(CurlTransfer, PreparedRequest)
        case cancel(UInt64)
        case resumeReceiving(UInt64)
        case resumeSending(UInt64)
        case shutdown
    }

    /// libcurl's multi handle for other threads, good for one call only.
    ///
    /// Sound to share: `curl_multi_wakeup` is the one function libcurl allows from any thread, and it is called under
    /// the lock in which the owner withdraws the handle before freeing it.
    @safe private struct WakeTarget: @unchecked Sendable {
        let multi: UnsafeMutableRawPointer
    }

    private struct State {
        var commands: [Command] = []
        var target: WakeTarget?
        var isClosed = false
    }

    private let state = NIOLockedValueBox(State())

    /// Wakes the loop if it may be asleep.
    /// - Returns: false once the loop has ended; the command is dropped.
    @discardableResult
    func post(_ command: Command) -> Bool {
        state.withLockedValue { state in
            guard !state.isClosed else { return false }
            // Only the first command since the loop last looked needs a wake-up: one system call per burst, not per
            // request.
            if state.commands.isEmpty, let target = state.target { unsafe _ = curl_multi_wakeup(target.multi) }
            state.commands.append(command)
            return true
        }
    }

    func takeAll() -> [Command] {
        state.withLockedValue { state in
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// Called by the loop with each new multi handle, and with nil before it frees one.
    func wake(through multi: UnsafeMutableRawPointer?) {
        state.withLockedValue { unsafe $0.target = multi.map { unsafe WakeTarget(multi: $0) } }
    }

    /// No command is accepted from now on.
    /// - Returns: those that came in since the last `takeAll`.
    func close() -> [Command] {
        state.withLockedValue { state in
            state.isClosed = true
            defer { state.commands = [] }
            return state.commands
        }
    }
}
