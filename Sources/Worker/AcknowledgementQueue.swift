import NIOConcurrencyHelpers

/// Deliveries whose steps are claimed, and of which the broker does not know yet.
///
/// Of a few, it is told once no step runs any more, and otherwise a moment after the claim: told at once, it would
/// write the acknowledgement to disk just while Postgres writes the end of a step that is brief, which takes a sixth of
/// that end's time. Where many come together, each waits for the others anyway, and the broker is told at once.
final class AcknowledgementQueue<Delivery: Sendable>: Sendable {
    /// As many together are told of at once, and whoever waits with them.
    static var many: Int { 8 }

    private struct State {
        var waiting: [Delivery] = []
        /// Counts what was told, so that a moment that has passed speaks of nobody who came later.
        var round = 0
    }

    private let state = NIOLockedValueBox(State())
    private let pause: @Sendable () async -> Void
    private let tell: @Sendable ([Delivery]) async -> Void

    /// - Parameters:
    ///   - pause: lasts as long as a delivery may wait here.
    ///   - tell: acknowledges; never called without deliveries.
    init(pause: @escaping @Sendable () async -> Void, tell: @escaping @Sendable ([Delivery]) async -> Void) {
        self.pause = pause
        self.tell = tell
    }

    /// Takes deliveries over, and tells of them at the end of the pause at the latest.
    /// - Parameter executor: where the pause is waited for.
    func add(_ deliveries: [Delivery], on executor: any TaskExecutor) async {
        let (isFirst, round) = state.withLockedValue { state in
            defer { state.waiting += deliveries }
            return (state.waiting.isEmpty, state.round)
        }
        if deliveries.count >= Self.many {
            await flush()
        } else if isFirst {
            // A task of nobody's: cancelling the worker must not make the broker deliver again what is running.
            Task(executorPreference: executor) {
                await self.pause()
                await self.flush(round)
            }
        }
    }

    /// Tells of all that wait.
    /// - Parameter round: only if nothing was told since that one; nil at any rate.
    func flush(_ round: Int? = nil) async {
        let deliveries: [Delivery] = state.withLockedValue { state in
            guard round == nil || round == state.round, !state.waiting.isEmpty else { return [] }
            defer { state.waiting = [] }
            state.round += 1
            return state.waiting
        }
        if !deliveries.isEmpty { await tell(deliveries) }
    }
}
