package import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle

/// Takes messages from queues, in batches or one by one, and settles them.
///
/// Keeps one connection with one channel up while `run` runs, for all of its queues. The broker sends at most
/// `prefetch` unsettled messages for each queue; put it well above the size of a batch, so that the next batch is here
/// when one is done. A delivery is settled by ``acknowledge(_:)``, ``reject(_:requeue:)`` or not at all: when the
/// connection is lost, the broker delivers it again, over the next epoch.
package final class RabbitMQConsumer: Service {
    private let buffer = DeliveryBuffer()
    private let supervisor: ConnectionSupervisor<ConsumerSession>
    private let isPaused = NIOLockedValueBox(false)
    private let drain = Promise<Void>()
    private let settleTimeout: Duration

    /// Connects only once `run` is running.
    /// - Parameters:
    ///   - queues: one or more; one that does not exist is looked for every 2 s.
    ///   - prefetch: how many unsettled messages of each queue may be here; 1 to 65 535, at most 2000 for a quorum
    ///     queue.
    ///   - consumerTag: what the broker calls the consumer, before a dot and the queue; nil lets it choose.
    ///   - settleTimeout: how long a graceful shutdown waits for deliveries to be settled.
    package init(
        configuration: RabbitMQConfiguration, queues: [String], prefetch: UInt16, consumerTag: String? = nil,
        settleTimeout: Duration = .seconds(5), logger: Logger
    ) {
        precondition(!queues.isEmpty, "a consumer of no queue")
        precondition(prefetch > 0, "a prefetch of 0 is no limit at all")
        self.settleTimeout = settleTimeout
        let reporter = MissingQueueReporter(logger: logger)
        let setup = ConsumerSession.Setup(
            configuration: configuration, queues: queues, prefetch: prefetch, consumerTag: consumerTag, buffer: buffer,
            isPaused: { [isPaused] in isPaused.withLockedValue(\.self) },
            onMissing: { reporter.report($0, isMissing: $1, error: $2) })
        supervisor = ConnectionSupervisor(configuration: configuration, logger: logger) { epoch, loop in
            ConsumerSession(setup, epoch: epoch, loop: loop)
        }
        reporter.attach(supervisor)
    }

    /// A consumer of one queue.
    package convenience init(
        configuration: RabbitMQConfiguration, queue: String, prefetch: UInt16, consumerTag: String? = nil,
        logger: Logger
    ) {
        self.init(
            configuration: configuration, queues: [queue], prefetch: prefetch, consumerTag: consumerTag, logger: logger)
    }

    /// What can be said of the connection and the queues now.
    package var health: RabbitMQHealth { supervisor.health }

    /// Keeps the connection up.
    ///
    /// Cancellation ends it at once; what is unsettled is delivered again, here or elsewhere. Graceful shutdown pauses
    /// first, and waits until what was handed out is settled, at most `settleTimeout`.
    package func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.supervisor.run() }
            group.addTask { await self.waitForDrain() }
            await withGracefulShutdownHandler {
                await group.next()
            } onGracefulShutdown: {
                self.isPaused.withLockedValue { $0 = true }
                self.buffer.setPaused(true)
                self.drain.succeed(())
            }
            group.cancelAll()
        }
        buffer.finish()
    }

    /// One to `max` deliveries: waits for the first, then takes what else is here.
    /// - Returns: empty while paused, and once `run` has ended: take nothing more.
    /// - Throws: `CancellationError`.
    package func nextBatch(max: Int) async throws -> [RabbitMQDelivery] {
        try await buffer.next(limit: max)
    }

    /// The deliveries one by one; ends when the consumer is paused or `run` ends.
    package var deliveries: RabbitMQDeliveries { RabbitMQDeliveries(buffer: buffer) }

    /// Tells the broker that these are done, with as few frames as possible.
    ///
    /// Those of a past epoch, and those settled before, are left out. An acknowledgement that is lost with the
    /// connection makes the broker deliver again.
    /// - Throws: `RabbitMQError` with `.closed` when `run` has ended.
    package func acknowledge(_ deliveries: [RabbitMQDelivery]) async throws {
        guard let (session, tags) = try current(deliveries, operation: "acknowledge") else { return }
        await session.acknowledge(tags)
    }

    /// Gives a delivery back to its queue, or drops it; dropped means dead-lettered where the queue has a dead-letter
    /// exchange.
    /// - Throws: `RabbitMQError` with `.closed` when `run` has ended.
    package func reject(_ delivery: RabbitMQDelivery, requeue: Bool) async throws {
        guard let (session, tags) = try current([delivery], operation: "reject") else { return }
        if requeue {
            await session.giveBack(tags)
        } else {
            await session.reject(tags)
        }
    }

    /// Stops taking messages and gives back those that nobody has taken; what was handed out can still be settled.
    package func pause() async {
        isPaused.withLockedValue { $0 = true }
        buffer.setPaused(true)
        await supervisor.session?.pause()
    }

    /// Stops taking messages, and hands out those that nobody has taken: the caller settles them.
    package func pauseTakingAll() async -> [RabbitMQDelivery] {
        isPaused.withLockedValue { $0 = true }
        buffer.setPaused(true)
        await supervisor.session?.stopConsuming()
        return buffer.removeAll()
    }

    /// Takes messages again.
    package func resume() async {
        isPaused.withLockedValue { $0 = false }
        buffer.setPaused(false)
        await supervisor.session?.resume()
    }

    private func current(
        _ deliveries: [RabbitMQDelivery], operation: String
    ) throws -> (ConsumerSession, [UInt64])? {
        guard !supervisor.hasEnded else { throw RabbitMQError(.closed, operation: operation) }
        guard let session = supervisor.session else { return nil }
        let tags = deliveries.lazy.filter { $0.epoch == session.epoch }.map(\.tag)
        return tags.isEmpty ? nil : (session, Array(tags))
    }

    private func waitForDrain() async {
        // Throws only on cancellation, and then there is nothing to wait for.
        guard (try? await drain.value()) != nil else { return }
        await pause()
        let deadline = ContinuousClock.now + settleTimeout
        while let session = supervisor.session, await session.unsettled > 0, ContinuousClock.now < deadline,
            !Task.isCancelled
        {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// The deliveries of a consumer, one by one, bounded by its prefetch.
package struct RabbitMQDeliveries: AsyncSequence, Sendable {
    let buffer: DeliveryBuffer

    /// Takes one delivery at a time.
    package struct AsyncIterator: AsyncIteratorProtocol {
        let buffer: DeliveryBuffer

        /// - Throws: `CancellationError`.
        package mutating func next() async throws -> RabbitMQDelivery? {
            try await buffer.next(limit: 1).first
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(buffer: buffer)
    }
}

/// Tells health and log which queues are missing, once each, and when they come back.
private final class MissingQueueReporter: Sendable {
    private struct State {
        weak var supervisor: ConnectionSupervisor<ConsumerSession>?
        var missingSince: [String: ContinuousClock.Instant] = [:]
    }

    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    init(logger: Logger) {
        self.logger = logger
    }

    func attach(_ supervisor: ConnectionSupervisor<ConsumerSession>) {
        state.withLockedValue { $0.supervisor = supervisor }
    }

    func report(_ queue: String, isMissing: Bool, error: RabbitMQError?) {
        let (supervisor, since, names) = state.withLockedValue { state in
            let since = state.missingSince[queue]
            state.missingSince[queue] = isMissing ? since ?? .now : nil
            return (state.supervisor, since, state.missingSince.keys.sorted())
        }
        supervisor?.updateHealth { $0.missingQueues = names }
        let metadata: Logger.Metadata = [RabbitMQKeys.Log.queue: "\(queue)"]
        if isMissing, since == nil {
            logger.warning("A queue is missing; create the topology again", metadata: metadata)
        } else if !isMissing, let since {
            let seconds = (ContinuousClock.now - since).components.seconds
            logger.info(
                "The queue is back",
                metadata: metadata.merging([RabbitMQKeys.Log.outageSeconds: "\(seconds)"]) { $1 })
        }
    }
}
