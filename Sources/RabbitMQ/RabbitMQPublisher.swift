package import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle

/// Publishes messages and says of each what became of it.
///
/// Keeps one connection, with one channel in confirm mode, up while `run` runs. Batches are pipelined, so a big one
/// costs about as much as a small one; many publishers may publish at once. Waiting for each confirm alone costs a
/// factor of 20.
package final class RabbitMQPublisher: Service {
    private let limits: RabbitMQPublisherLimits
    private let supervisor: ConnectionSupervisor<PublisherSession>
    private let isDraining = NIOLockedValueBox(false)
    private let drain = Promise<Void>()
    private let busy = NIOLockedValueBox(0)
    private let rejections = NIOLockedValueBox(RejectionRun())

    /// Connects only once `run` is running.
    package init(
        configuration: RabbitMQConfiguration, limits: RabbitMQPublisherLimits = RabbitMQPublisherLimits(),
        logger: Logger
    ) {
        self.limits = limits
        let reporter = PublisherReporter(logger: logger)
        supervisor = ConnectionSupervisor(configuration: configuration, logger: logger) { epoch, loop in
            PublisherSession(
                configuration: configuration, limits: limits, loop: loop, onBlocked: { reporter.report($0) },
                onFailure: { reporter.retract(epoch) })
        }
        reporter.attach(supervisor)
    }

    /// What can be said of the connection now.
    package var health: RabbitMQHealth { supervisor.health }

    /// Keeps the connection up.
    ///
    /// Cancellation ends it at once; what is unconfirmed becomes unknown. Graceful shutdown refuses new batches and
    /// waits for those at hand, at most `confirmTimeout`.
    package func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.supervisor.run() }
            group.addTask { await self.waitForDrain() }
            await withGracefulShutdownHandler {
                // The first to end is either the drain or, on cancellation, both.
                await group.next()
            } onGracefulShutdown: {
                self.isDraining.withLockedValue { $0 = true }
                self.drain.succeed(())
            }
            group.cancelAll()
        }
    }

    /// Publishes a batch and waits for its confirms.
    ///
    /// Cancelling stops the wait, not the messages: they may still arrive.
    /// - Returns: one outcome for each message, in the same order.
    /// - Throws: when nothing was sent: `RabbitMQError` with `.invalidMessage`, with `.notConnected` after
    ///   `connectionTimeout`, with `.blocked` while an alarm lasts longer than `blockedTimeout`, with `.closed` when
    ///   `run` has ended; or `CancellationError`.
    package func publish(_ messages: [RabbitMQMessage]) async throws -> [PublishOutcome] {
        guard !messages.isEmpty else { return [] }
        for message in messages { try message.validate() }
        if isDraining.withLockedValue(\.self) { throw RabbitMQError(.closed, operation: "publish") }
        busy.withLockedValue { $0 += 1 }
        defer { busy.withLockedValue { $0 -= 1 } }
        let deadline = ContinuousClock.now + limits.connectionTimeout
        while true {
            let session = try await supervisor.session(within: max(.zero, deadline - .now))
            let promise = Promise<[PublishOutcome]>()
            // A session that has just failed takes nothing; then the next one is waited for.
            guard try await session.publish(messages, promise: promise) else { continue }
            let outcomes = try await promise.value()
            if rejections.withLockedValue({ $0.take(messages, outcomes, at: .now) }) { await session.renew() }
            return outcomes
        }
    }

    private func waitForDrain() async {
        // Throws only on cancellation, and then there is nothing to wait for.
        guard (try? await drain.value()) != nil else { return }
        let deadline = ContinuousClock.now + limits.confirmTimeout
        while busy.withLockedValue(\.self) > 0, ContinuousClock.now < deadline, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// Tells health and log what a session has to say: that an alarm of the broker stops publishing, and when it ends.
private final class PublisherReporter: Sendable {
    private struct State {
        weak var supervisor: ConnectionSupervisor<PublisherSession>?
        var since: ContinuousClock.Instant?
    }

    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    init(logger: Logger) {
        self.logger = logger
    }

    func attach(_ supervisor: ConnectionSupervisor<PublisherSession>) {
        state.withLockedValue { $0.supervisor = supervisor }
    }

    func retract(_ epoch: UInt64) {
        state.withLockedValue(\.supervisor)?.retract(epoch)
    }

    func report(_ reason: String?) {
        let (supervisor, since) = state.withLockedValue { state in
            let since = state.since
            state.since = reason == nil ? nil : since ?? .now
            return (state.supervisor, since)
        }
        supervisor?.updateHealth { health in
            health.status = reason == nil ? .connected : .blocked
            health.reason = reason
        }
        if let reason, since == nil {
            logger.warning(
                "The broker blocks publishing; free its memory or disk",
                metadata: [RabbitMQKeys.Log.reason: "\(reason)"])
        } else if reason == nil, let since {
            logger.info(
                "The broker takes messages again",
                metadata: [RabbitMQKeys.Log.outageSeconds: "\((ContinuousClock.now - since).components.seconds)"])
        }
    }
}
