import NIOConcurrencyHelpers

/// How many more steps this process may run, and the one task that waits for a place.
final class SlotCount: Sendable {
    private struct State {
        var free: Int
        var isClosed = false
        var fullSince = ContinuousClock.now
        var waiter: CheckedContinuation<Int?, Never>?
        var idleWaiter: CheckedContinuation<Void, Never>?
    }

    private let total: Int

    private let state: NIOLockedValueBox<State>

    init(_ count: Int) {
        total = count
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

    func take(_ count: Int) {
        guard count > 0 else { return }
        state.withLockedValue { state in
            state.free -= count
            if state.free == 0 { state.fullSince = .now }
        }
    }

    /// Since when all slots are taken; nil while one is free, and once closed.
    var fullSince: ContinuousClock.Instant? {
        state.withLockedValue { $0.free > 0 || $0.isClosed ? nil : $0.fullSince }
    }

    var isClosed: Bool { state.withLockedValue(\.isClosed) }

    /// Gives slots back, all at once: whoever waits for a free one shall see how many there are.
    func give(_ count: Int) {
        let (waiter, free, idleWaiter) = state.withLockedValue { state in
            state.free += count
            defer { state.waiter = nil }
            let isIdle = state.free == total
            defer { if isIdle { state.idleWaiter = nil } }
            return (state.waiter, state.free, isIdle ? state.idleWaiter : nil)
        }
        waiter?.resume(returning: free)
        idleWaiter?.resume()
    }

    /// Waits until nothing runs; for the one task that takes slots, when it takes none any more.
    func waitUntilIdle() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLockedValue { state in
                if state.free < total { state.idleWaiter = continuation }
                return state.free == total
            }
            if isIdle { continuation.resume() }
        }
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
