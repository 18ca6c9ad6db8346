package import Logging
package import RabbitMQ
import ServiceLifecycle

/// Empties the dead-letter queue into the hands of whoever keeps what it held, over one connection.
///
/// A letter leaves the queue only when it is acknowledged, so acknowledge after it has been stored: what is lost with
/// the connection or the process comes again, and storing must bear a double (the same `messageID`, or the same body).
/// Any number may run; each letter goes to one of them at a time.
package final class DeadLetterConsumer: Service {
    private let consumer: RabbitMQConsumer

    /// - Parameter prefetch: unsettled letters that may be here; 1 to 2000.
    package init(
        configuration: RabbitMQConfiguration, topology: BrokerTopology, prefetch: UInt16 = 200, logger: Logger
    ) {
        consumer = RabbitMQConsumer(
            configuration: configuration, queue: topology.deadQueue, prefetch: prefetch, logger: logger)
    }

    /// What can be said of the connection and the queue now.
    package var health: RabbitMQHealth { consumer.health }

    /// Keeps the connection up; see `RabbitMQConsumer.run()`.
    package func run() async throws {
        try await consumer.run()
    }

    /// One to `max` letters: waits for the first, then takes what else is here.
    /// - Returns: empty once `run` has ended: take nothing more.
    /// - Throws: `CancellationError`.
    package func nextBatch(max: Int) async throws -> [DeadLetter] {
        try await consumer.nextBatch(max: max).map(DeadLetter.init)
    }

    /// Removes letters that have been stored; those of a lost connection are left out and come again.
    /// - Throws: `BrokerError` with `.closed` when `run` has ended.
    package func acknowledge(_ letters: [DeadLetter]) async throws {
        try await BrokerError.wrapping { try await consumer.acknowledge(letters.map(\.delivery)) }
    }

    /// Gives letters back that could not be stored. They come again at once, so wait before the next batch.
    /// - Throws: `BrokerError` with `.closed` when `run` has ended.
    package func giveBack(_ letters: [DeadLetter]) async throws {
        try await BrokerError.wrapping {
            for letter in letters { try await consumer.reject(letter.delivery, requeue: true) }
        }
    }
}
