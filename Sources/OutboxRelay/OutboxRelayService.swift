package import Broker
import FoundationEssentials
import Jobs
package import Logging
import Metrics
package import Postgres
import ServiceLifecycle
import Storage

/// Rings the doorbells: takes due rows of the outbox, publishes them, and removes those that the broker has confirmed.
///
/// One batch is one transaction that stays open until the confirms are in. Whoever dies on the way leaves the rows
/// where they were: a bell may ring twice, but none is lost. Any number of relays may run, each takes rows that no
/// other has.
package struct OutboxRelayService: Service {
    private let database: PostgresPool
    private let bells: any AsyncSequence<Void, Never> & Sendable
    private let publisher: StepPublisher
    private let configuration: OutboxRelayConfiguration
    private let logger: Logger
    private let rung = Counter(label: "rosterline_outbox_rung_total")

    /// - Parameter bells: says that a row may have been added; only a hint that saves waiting for the next poll.
    package init(
        database: PostgresPool, bells: any AsyncSequence<Void, Never> & Sendable, publisher: StepPublisher,
        configuration: OutboxRelayConfiguration, logger: Logger
    ) {
        self.database = database
        self.bells = bells
        self.publisher = publisher
        self.configuration = configuration
        self.logger = logger
    }

    package func run() async throws {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in bells { wake.yield() } }
                group.addTask {
                    while !Task.isCancelled {
                        wake.yield()
                        try? await Task.sleep(for: configuration.interval)
                    }
                    wake.finish()
                }
                group.addTask { await ring(at: wakes) }
                await group.next()
                group.cancelAll()
            }
        }
    }

    private func ring(at wakes: AsyncStream<Void>) async {
        var outage = Outage()
        for await _ in wakes {
            do {
                while try await ringBatch() == configuration.batch {}
                if let seconds = outage.ended(at: Date()) {
                    logger.info("The outbox drains again", metadata: [JobsKeys.Log.seconds: "\(seconds)"])
                }
            } catch {
                if !Task.isCancelled, outage.began(at: Date()) {
                    logger.warning("The outbox does not drain", metadata: [JobsKeys.Log.error: "\(error)"])
                }
            }
        }
    }

    /// Rings one batch.
    ///
    /// - Returns: how many doorbells were taken.
    package func ringBatch() async throws -> Int {
        try await database.withTransaction { transaction in
            let outbox = OutboxStore(transaction)
            let entries = try await outbox.takeDue(limit: configuration.batch)
            guard !entries.isEmpty else { return 0 }
            let outcomes = try await publisher.publish(entries.map { StepPublication(id: $0.id, message: $0.message) })
            let confirmed = zip(entries, outcomes).filter { $0.1 == .sent }.map(\.0.id)
            try await outbox.remove(confirmed)
            rung.increment(by: Int64(confirmed.count))
            guard confirmed.count == entries.count else {
                // What was confirmed is committed; the rest is still in the outbox, and the next look takes it again.
                logger.debug(
                    "Some doorbells were not confirmed",
                    metadata: [JobsKeys.Log.count: "\(entries.count - confirmed.count)"])
                return 0
            }
            return entries.count
        }
    }
}
