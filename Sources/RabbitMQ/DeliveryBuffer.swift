import DequeModule
import NIOConcurrencyHelpers

/// Deliveries between the connection that reads them and the workers that take them.
///
/// It never holds more than the prefetch allows, since the broker sends no more until some are settled. Those of a lost
/// connection are dropped: the broker delivers them again.
final class DeliveryBuffer: Sendable {
    private struct State {
        var deliveries: Deque<RabbitMQDelivery> = []
        var waiters: [Promise<Void>] = []
        // Nothing more is handed out, for now or for ever.
        var isPaused = false
        var isFinished = false
    }

    private let state = NIOLockedValueBox(State())

    func append(_ deliveries: [RabbitMQDelivery]) {
        wake { $0.deliveries.append(contentsOf: deliveries) }
    }

    /// Takes out everything that nobody has taken yet.
    func removeAll() -> [RabbitMQDelivery] {
        state.withLockedValue { state in
            // Copying an empty deque writes to the one empty array that all threads share, which ThreadSanitizer
            // reports.
            guard !state.deliveries.isEmpty else { return [] }
            defer { state.deliveries = [] }
            return Array(state.deliveries)
        }
    }

    func setPaused(_ isPaused: Bool) {
        wake { $0.isPaused = isPaused }
    }

    func finish() {
        wake { $0.isFinished = true }
    }

    /// One to `limit` deliveries, as soon as there is one; empty when paused or finished.
    func next(limit: Int) async throws -> [RabbitMQDelivery] {
        while true {
            let waiter = Promise<Void>()
            let batch: [RabbitMQDelivery]? = state.withLockedValue { state in
                if state.isPaused || state.isFinished { return [] }
                guard !state.deliveries.isEmpty else {
                    state.waiters.append(waiter)
                    return nil
                }
                let count = min(limit, state.deliveries.count)
                defer { state.deliveries.removeFirst(count) }
                return Array(state.deliveries.prefix(count))
            }
            if let batch { return batch }
            defer { state.withLockedValue { $0.waiters.removeAll { $0 === waiter } } }
            try await waiter.value()
        }
    }

    private func wake(_ change: (inout State) -> Void) {
        let waiters = state.withLockedValue { state in
            change(&state)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.succeed(()) }
    }
}
