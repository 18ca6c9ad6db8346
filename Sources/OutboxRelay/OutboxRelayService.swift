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
        var toldAt: ContinuousClock.Instant?
        for await _ in wakes {
            do {
                while true {
                    let batch = try await ringOnce()
                    report(batch.refusal, toldAt: &toldAt)
                    if batch.taken < configuration.batch { break }
                }
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

    /// A queue that is missing or full is somebody's to mend, so it is told: once a minute while it lasts.
    private func report(_ refusal: BrokerError?, toldAt: inout ContinuousClock.Instant?) {
        guard let refusal else { return }
        if let toldAt, .now - toldAt < .seconds(60) { return }
        toldAt = .now
        logger.error("The broker does not take some doorbells", metadata: [JobsKeys.Log.error: "\(refusal)"])
    }

    /// Rings one batch.
    ///
    /// - Returns: how many doorbells were taken; 0 if the broker's answer to some is not known.
    package func ringBatch() async throws -> Int { try await ringOnce().taken }

    private func ringOnce() async throws -> (taken: Int, refusal: BrokerError?) {
        try await database.withTransaction { transaction in
            let outbox = OutboxStore(transaction)
            let entries = try await outbox.takeDue(limit: configuration.batch)
            guard !entries.isEmpty else { return (0, nil) }
            let outcomes = try await publisher.publish(entries.map { StepPublication(id: $0.id, message: $0.message) })
            var confirmed: [Int64] = []
            var refused: [Int64] = []
            var refusal: BrokerError?
            for (entry, outcome) in zip(entries, outcomes) {
                switch outcome {
                case .sent: confirmed.append(entry.id)
                case .unsent(let error) where error.code == .unroutable || error.code == .rejected:
                    refused.append(entry.id)
                    refusal = error
                case .unsent: break
                }
            }
            try await outbox.remove(confirmed)
            if !refused.isEmpty { try await outbox.putOff(refused, by: configuration.pause) }
            rung.increment(by: Int64(confirmed.count))
            let unknown = entries.count - confirmed.count - refused.count
            // What was confirmed is committed; the rest is still due, and the next look takes it again.
            if unknown > 0 {
                logger.debug("Some doorbells were not confirmed", metadata: [JobsKeys.Log.count: "\(unknown)"])
            }
            return (unknown > 0 ? 0 : entries.count, refusal)
        }
    }
}
