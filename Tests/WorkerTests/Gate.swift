import NIOConcurrencyHelpers

/// Holds toy handlers until the test lets them go, and counts them.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var inside = 0
        var most = 0
        var entered = 0
        var cancelled = 0
        var waiters: [Int: CheckedContinuation<Void, any Error>] = [:]
    }

    private let state = NIOLockedValueBox(State())

    /// How many have ever come.
    var entered: Int { state.withLockedValue(\.entered) }
    /// How many are held now.
    var inside: Int { state.withLockedValue(\.inside) }
    /// How many were held at once at most.
    var most: Int { state.withLockedValue(\.most) }
    /// How many were told to stop while they were held.
    var cancelled: Int { state.withLockedValue(\.cancelled) }

    /// Lets everybody go, now and from now on.
    func open() {
        let waiters = state.withLockedValue { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits for the gate to open.
    ///
    /// - Throws: `CancellationError` when the handler's task is cancelled.
    func pass() async throws {
        let number = state.withLockedValue { state in
            state.entered += 1
            state.inside += 1
            state.most = max(state.most, state.inside)
            return state.entered
        }
        defer { state.withLockedValue { $0.inside -= 1 } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let verdict: Result<Void, any Error>? = state.withLockedValue { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.isOpen { return .success(()) }
                    state.waiters[number] = continuation
                    return nil
                }
                if let verdict { continuation.resume(with: verdict) }
            }
        } onCancel: {
            let waiter = state.withLockedValue { state in
                state.cancelled += 1
                return state.waiters.removeValue(forKey: number)
            }
            waiter?.resume(throwing: CancellationError())
        }
    }
}
