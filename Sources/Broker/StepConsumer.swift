package import Jobs
package import Logging
package import RabbitMQ
import ServiceLifecycle

/// A doorbell that rang.
package struct StepDelivery: Sendable {
    /// What it says.
    package let message: StepMessage
    /// Whether the broker has delivered it before.
    package var isRedelivered: Bool { delivery.isRedelivered }
    /// For settling it.
    package let delivery: RabbitMQDelivery
}

/// Hears the doorbells of some step kinds, each in the versions that the worker reads, over one connection.
///
/// What is no step message, or one of a version or kind that was not asked for, is rejected into the dead-letter queue
/// and logged, so nobody else has to deal with it. The topology sees to it that this does not happen to our own.
package final class StepConsumer: Service {
    private let consumer: RabbitMQConsumer
    private let versions: [StepKind: Set<Int16>]
    private let logger: Logger

    /// - Parameters:
    ///   - reads: the versions of each kind's messages that are read; one or more of one kind or more.
    ///   - prefetch: unsettled messages of each queue that may be here; put it well above the size of a batch.
    package init(
        configuration: RabbitMQConfiguration, topology: BrokerTopology, reads: [StepKind: [Int16]], prefetch: UInt16,
        logger: Logger
    ) {
        self.logger = logger
        versions = reads.mapValues(Set.init)
        let queues = StepKind.allCases.flatMap { kind in
            Set(reads[kind] ?? []).sorted().map { topology.queue(for: kind, version: $0) }
        }
        consumer = RabbitMQConsumer(
            configuration: configuration, queues: queues, prefetch: prefetch, logger: logger)
    }

    /// Reads the versions of these kinds that the topology has queues for.
    package convenience init(
        configuration: RabbitMQConfiguration, topology: BrokerTopology, kinds: [StepKind], prefetch: UInt16,
        logger: Logger
    ) {
        self.init(
            configuration: configuration, topology: topology,
            reads: topology.versions.filter { kinds.contains($0.key) }, prefetch: prefetch, logger: logger)
    }

    /// What can be said of the connection and the queues now.
    package var health: RabbitMQHealth { consumer.health }

    /// Keeps the connection up; see `RabbitMQConsumer.run()`.
    package func run() async throws {
        try await consumer.run()
    }

    /// One to `max` doorbells: waits for the first, then takes what else has rung.
    /// - Returns: empty while paused, and once `run` has ended: take nothing more.
    /// - Throws: `CancellationError`, or `BrokerError` with `.closed`.
    package func nextBatch(max: Int) async throws -> [StepDelivery] {
        while true {
            let deliveries = try await consumer.nextBatch(max: max)
            if deliveries.isEmpty { return [] }
            let batch = try await read(deliveries)
            if !batch.isEmpty { return batch }
        }
    }

    /// Those that can be read; the others are put aside.
    private func read(_ deliveries: [RabbitMQDelivery]) async throws -> [StepDelivery] {
        var batch: [StepDelivery] = []
        batch.reserveCapacity(deliveries.count)
        for delivery in deliveries {
            do throws(MessageError) {
                batch.append(StepDelivery(message: try read(delivery.body), delivery: delivery))
            } catch {
                logger.error(
                    "A message was put aside to the dead letters",
                    metadata: [BrokerKeys.Log.queue: "\(delivery.queue)", BrokerKeys.Log.error: "\(error)"])
                try await BrokerError.wrapping { try await consumer.reject(delivery, requeue: false) }
            }
        }
        return batch
    }

    private func read(_ body: [UInt8]) throws(MessageError) -> StepMessage {
        let message = try MessageCodec.decode(body)
        guard let versions = versions[message.kind] else { throw .unknownKind(message.kind.rawValue) }
        guard versions.contains(message.version) else { throw .unknownVersion(Int(message.version)) }
        return message
    }

    /// Tells the broker that these were heard, with as few frames as possible; those of a lost connection are left out.
    /// - Throws: `BrokerError` with `.closed` when `run` has ended.
    package func acknowledge(_ deliveries: [StepDelivery]) async throws {
        try await BrokerError.wrapping { try await consumer.acknowledge(deliveries.map(\.delivery)) }
    }

    /// Gives a doorbell back for another worker, or puts it aside to the dead letters.
    /// - Throws: `BrokerError` with `.closed` when `run` has ended.
    package func reject(_ delivery: StepDelivery, requeue: Bool) async throws {
        try await BrokerError.wrapping { try await consumer.reject(delivery.delivery, requeue: requeue) }
    }

    /// Stops hearing and gives back what nobody has taken; what was handed out can still be settled.
    package func pause() async {
        await consumer.pause()
    }

    /// Stops hearing, and hands out what has rung and nobody has taken: the caller settles it.
    /// - Throws: `BrokerError` with `.closed` when `run` has ended.
    package func pauseTakingAll() async throws -> [StepDelivery] {
        try await read(await consumer.pauseTakingAll())
    }

    /// Hears again.
    package func resume() async {
        await consumer.resume()
    }
}
