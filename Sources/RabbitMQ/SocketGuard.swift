import Glibc
import NIOConcurrencyHelpers

/// The way out of a write that never returns.
///
/// librabbitmq writes with no deadline. A broker under a memory alarm stops reading, so a write can hang for as long
/// as the alarm lasts, on the connection's own thread. Another thread may not touch the library then, but it may shut
/// the socket down: the write returns with an error at once. The descriptor is kept here only as long as it is
/// certainly that socket.
final class SocketGuard: Sendable {
    private struct State {
        var descriptor: Int32?
        var deadline: ContinuousClock.Instant?
        var wasOverdue = false
    }

    private let state = NIOLockedValueBox(State())

    /// Takes the descriptor of a freshly opened socket.
    func attach(_ descriptor: Int32) {
        state.withLockedValue { $0.descriptor = descriptor }
    }

    /// To be called before the descriptor is closed, since its number may then belong to somebody else.
    func detach(_ descriptor: Int32) {
        state.withLockedValue { state in
            if state.descriptor == descriptor { state.descriptor = nil }
        }
    }

    /// Begins something that may block; `nil` says that it has returned.
    func allow(until deadline: ContinuousClock.Instant?) {
        state.withLockedValue { $0.deadline = deadline }
    }

    /// Ends the socket in both directions, which wakes whoever reads, writes or polls it.
    func cut() {
        state.withLockedValue { state in
            if let descriptor = state.descriptor { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Cuts the socket if something has blocked for too long; says whether it did.
    @discardableResult
    func cutIfOverdue(now: ContinuousClock.Instant) -> Bool {
        state.withLockedValue { state in
            guard let deadline = state.deadline, deadline < now, let descriptor = state.descriptor else { return false }
            state.deadline = nil
            state.wasOverdue = true
            _ = shutdown(descriptor, Int32(SHUT_RDWR))
            return true
        }
    }

    /// Whether the watchdog has cut this socket.
    var wasOverdue: Bool {
        state.withLockedValue { $0.wasOverdue }
    }
}
