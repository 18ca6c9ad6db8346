package import Broker
import FoundationEssentials
import Jobs
package import Logging
import Metrics
package import Postgres
import RabbitMQ
import ServiceLifecycle
import Storage

/// Takes what the broker put aside out of its dead-letter queue and stores it beside the failed steps, so that nothing
/// rots there unseen.
///
/// A letter is acknowledged only once it is stored; one that is delivered again is stored once. While Postgres is away
/// the letters wait in their queue, where they are safe.
package struct DeadLetterDrain: Service {
    private static let batch = 200
    private static let longestPause: Duration = .seconds(30)

    private let letters: DeadLetterConsumer
    private let database: PostgresPool
    private let logger: Logger
    private let drained = Counter(label: "rosterline_dead_letters_total")

    /// - Parameter letters: runs as a service of its own.
    package init(letters: DeadLetterConsumer, database: PostgresPool, logger: Logger) {
        self.letters = letters
        self.database = database
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var outage = Outage()
            var pause: Duration = .seconds(1)
            while !Task.isCancelled {
                do {
                    let batch = try await letters.nextBatch(max: Self.batch)
                    if batch.isEmpty { return }
                    try await take(batch)
                    pause = .seconds(1)
                    _ = outage.ended(at: Date())
                } catch is CancellationError {
                    return
                } catch {
                    if !Task.isCancelled, outage.began(at: Date()) {
                        logger.warning(
                            "The broker's dead letters cannot be stored; they stay in their queue",
                            metadata: [JobsKeys.Log.error: "\(error)"])
                    }
                    try? await Task.sleep(for: pause)
                    pause = min(pause * 2, Self.longestPause)
                }
            }
        }
    }

    private func take(_ batch: [DeadLetter]) async throws {
        let fresh: Int
        do {
            fresh = try await database.withTransaction { try await DeadStore($0).put(batch.map(DeadStore.Letter.init)) }
        } catch let error as PostgresError where !error.isTransient && batch.count > 1 {
            // One that the database refuses for what is in it keeps none of its neighbours out.
            var failure: (any Error)?
            for letter in batch {
                do {
                    try await take([letter])
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
            return
        } catch {
            try? await letters.giveBack(batch)
            throw error
        }
        try await letters.acknowledge(batch)
        drained.increment(by: fresh)
        if fresh > 0 {
            logger.warning(
                "The broker put messages aside; they are shown among the failures",
                metadata: [JobsKeys.Log.count: "\(fresh)"])
        }
    }
}

extension DeadStore.Letter {
    init(_ letter: DeadLetter) {
        switch letter.content {
        case .step(let message):
            self.init(
                queue: letter.queue, reason: letter.reason.word, deaths: letter.deathCount,
                firstDeathAt: letter.firstDeathAt, messageID: letter.messageID, step: message.step, problem: nil,
                head: [], bytes: letter.delivery.body.count)
        case .unreadable(let error, let head, let bytes):
            self.init(
                queue: letter.queue, reason: letter.reason.word, deaths: letter.deathCount,
                firstDeathAt: letter.firstDeathAt, messageID: letter.messageID, step: nil, problem: "\(error)",
                head: head, bytes: bytes)
        }
    }
}
