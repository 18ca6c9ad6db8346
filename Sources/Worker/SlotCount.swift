import NIOConcurrencyHelpers

/// How many more steps this process may run, and the one task that waits for a place.
final class SlotCount: Sendable {
    private struct State {
        var free: Int
        var isClosed = false
        var fullSince = ContinuousClock.now
        var waiter: CheckedContinuation<Int?, Never>?
    }

    private let state: NIOLockedValueBox<State>

    init(_ count: Int) {
        state = NIOLockedValueBox(State(free: count))
    }

    /// Waits until there is a free slot.
    ///
    /// - Returns: how many are free, or nil once closed.
    func waitForFree() async -> Int? {
        await withCheckedContinuation { continuation in
            let answer: Int?? = state.withLockedValue { state in
                if state.isClosed { return .some(nil) }
                if state.free > 0 { return state.free }
                state.waiter = continuation
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    func take() {
        state.withLockedValue { state in
            state.free -= 1
            if state.free == 0 { state.fullSince = .now }
        }
    }

    /// Since when all slots are taken; nil while one is free, and once closed.
    var fullSince: ContinuousClock.Instant? {
        state.withLockedValue { $0.free > 0 || $0.isClosed ? nil : $0.fullSince }
    }

    var isClosed: Bool { state.withLockedValue(\.isClosed) }

    func give() {
        let (waiter, free) = state.withLockedValue { state in
            state.free += 1
            defer { state.waiter = nil }
            return (state.waiter, state.free)
        }
        waiter?.resume(returning: free)
    }

    /// Nothing is handed out any more; whoever waits is told.
    func close() {
        let waiter = state.withLockedValue { state in
            state.isClosed = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }
}
