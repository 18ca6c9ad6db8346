package import Broker
import FoundationEssentials
import Jobs
package import Logging
import Metrics
import NIOConcurrencyHelpers
package import Postgres
import ServiceLifecycle
package import Storage

/// Rings the doorbells: decides whose steps go next, marks their tickets as rung, publishes them, and lets those wait
/// again that the broker did not take.
///
/// The mark is committed before anything is published, so no lock is held while the broker is asked, and a worker that
/// hears a bell at once finds nothing in its way. While the broker's confirms are awaited, the next batch is decided:
/// a step begun meanwhile does not wait for them. Whoever dies between the two is noticed by its silence, and what
/// it rang is rung again: a bell may ring twice, but none is lost. Any number may run; one decides at a time, for a few
/// milliseconds.
///
/// The mark itself is committed without waiting for the disk: a crash of Postgres that forgets it only makes a bell
/// ring again.
///
/// Where nobody waits and a notice says that no limit concerns a step, it is published before it is marked: the mark is
/// there to count, and nothing is counted for it.
package struct DispatcherService: Service {
    private let database: PostgresPool
    private let notices: any AsyncSequence<OutboxNotice, Never> & Sendable
    private let publisher: StepPublisher
    private let configuration: DispatcherConfiguration
    private let logger: Logger
    private let id = Int64.random(in: 1...Int64.max)
    private let rung = Counter(label: "rosterline_outbox_rung_total")
    /// What the last decision found: while it is so, no look without one is worth its price.
    private let somebodyWaits = NIOLockedValueBox(false)
    private let early = NIOLockedValueBox(EarlyBells())
    /// A look may have marked tickets that nobody has published: its answer was lost.
    private let isUnsure = NIOLockedValueBox(false)

    /// - Parameter notices: say that a ticket may be due; only hints that save waiting for the next poll.
    package init(
        database: PostgresPool, notices: any AsyncSequence<OutboxNotice, Never> & Sendable, publisher: StepPublisher,
        configuration: DispatcherConfiguration, logger: Logger
    ) {
        self.database = database
        self.notices = notices
        self.publisher = publisher
        self.configuration = configuration
        self.logger = logger
    }

    package func run() async throws {
        // It lives from one answer of Postgres's to the next.
        await withTaskExecutorPreference(database.loop) { await dispatch() }
        await leave()
    }

    private func dispatch() async {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let course = NIOLockedValueBox(Course())
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await heed(waking: wake, course) }
                group.addTask {
                    while !Task.isCancelled {
                        wake.yield()
                        try? await Task.sleep(for: configuration.interval)
                    }
                    wake.finish()
                }
                group.addTask { await live() }
                group.addTask { await ring(at: wakes, course) }
                await group.next()
                group.cancelAll()
            }
        }
    }

    private func heed(waking wake: AsyncStream<Void>.Continuation, _ course: NIOLockedValueBox<Course>) async {
        await withDiscardingTaskGroup { deliveries in
            for await notice in notices {
                if case .ring(let message, let dispatcher) = notice {
                    guard dispatcher == id else { continue }
                    if mayRingEarly(message) {
                        // Its ticket is marked by the next look, or by who claims it.
                        deliveries.addTask { await deliver([message], course) }
                        continue
                    }
                }
                wake.yield()
            }
        }
    }

    private func mayRingEarly(_ message: StepMessage) -> Bool {
        guard !somebodyWaits.withLockedValue(\.self), (try? publisher.requireConnection()) != nil else { return false }
        return early.withLockedValue { $0.ring(message.step) }
    }

    /// Says that this dispatcher lives, and takes over from those that do not.
    private func live() async {
        let outbox = OutboxStore(database)
        while !Task.isCancelled {
            do {
                try await outbox.beat(dispatcher: id, name: configuration.name)
                let adopted = try await outbox.adopt(silentFor: configuration.silence)
                if adopted > 0 {
                    logger.warning(
                        "A dispatcher has gone silent; what it rang and nobody took is rung again",
                        metadata: [JobsKeys.Log.count: "\(adopted)"])
                }
            } catch {
                // The other loop tells of the outage.
                logger.debug("Could not say that it lives", metadata: [JobsKeys.Log.error: "\(error)"])
            }
            try? await Task.sleep(for: configuration.silence / 4)
        }
    }

    /// In a task of its own, since this one may have been cancelled: saves the next one the wait for our silence. Where
    /// something is left to do and cannot be done, that silence tells.
    private func leave() async {
        await Task {
            guard (try? await forgetUnsureMarks()) == true else { return }
            try? await OutboxStore(database).leave(dispatcher: id)
        }.value
    }

    /// - Returns: false if it is still not known what is marked.
    private func forgetUnsureMarks() async throws -> Bool {
        guard isUnsure.withLockedValue(\.self) else { return true }
        guard try await OutboxStore.forgetMarks(of: id, in: database) else { return false }
        isUnsure.withLockedValue { $0 = false }
        return true
    }

    /// What has to be said of the broker, and whether it took everything lately.
    private struct Course {
        var outage = Outage()
        var refusalToldAt: ContinuousClock.Instant?
        var hasTrouble = false
    }

    /// Batches whose confirms are awaited while the next is decided.
    private static let underWayLimit = 4

    private func ring(at wakes: AsyncStream<Void>, _ course: NIOLockedValueBox<Course>) async {
        await withTaskGroup(of: Void.self) { deliveries in
            var underWay = 0
            for await _ in wakes {
                do {
                    while let messages = try await next() {
                        if underWay == Self.underWayLimit { await deliveries.next() } else { underWay += 1 }
                        deliveries.addTask { await deliver(messages, course) }
                        // What was put back is due at once; another look at it can wait for the next wake.
                        let hasTrouble = course.withLockedValue { course in
                            defer { course.hasTrouble = false }
                            return course.hasTrouble
                        }
                        if hasTrouble || messages.count < configuration.batch { break }
                    }
                    if let seconds = course.withLockedValue({ $0.outage.ended(at: Date()) }) {
                        logger.info("The outbox drains again", metadata: [JobsKeys.Log.seconds: "\(seconds)"])
                    }
                } catch {
                    reportOutage(error, course)
                }
            }
        }
    }

    private func deliver(_ messages: [StepMessage], _ course: NIOLockedValueBox<Course>) async {
        do {
            let (taken, refusal) = try await publish(messages)
            if taken < messages.count { course.withLockedValue { $0.hasTrouble = true } }
            if let refusal { report(refusal, course) }
        } catch {
            course.withLockedValue { $0.hasTrouble = true }
            reportOutage(error, course)
        }
    }

    private func reportOutage(_ error: any Error, _ course: NIOLockedValueBox<Course>) {
        guard !Task.isCancelled, course.withLockedValue({ $0.outage.began(at: Date()) }) else { return }
        logger.warning("The outbox does not drain", metadata: [JobsKeys.Log.error: "\(error)"])
    }

    /// A queue that is missing or full is somebody's to mend, so it is told: once a minute while it lasts.
    private func report(_ refusal: BrokerError, _ course: NIOLockedValueBox<Course>) {
        let isNews = course.withLockedValue { course in
            if let toldAt = course.refusalToldAt, .now - toldAt < .seconds(60) { return false }
            course.refusalToldAt = .now
            return true
        }
        guard isNews else { return }
        logger.error("The broker does not take some doorbells", metadata: [JobsKeys.Log.error: "\(refusal)"])
    }

    /// Rings one batch, and waits for the broker's word.
    ///
    /// - Returns: how many doorbells were taken; 0 if the broker's answer to some is not known.
    package func ringBatch() async throws -> Int {
        guard let messages = try await next() else { return 0 }
        return try await publish(messages).taken
    }

    /// What is to be rung now, its tickets marked; nil if there is nothing that has not been rung.
    private func next() async throws -> [StepMessage]? {
        // Nothing is marked that cannot be rung: while the broker is away, a look costs nothing.
        try publisher.requireConnection()
        guard try await forgetUnsureMarks() else { return nil }
        early.withLockedValue { $0.beginLook() }
        let marked: [OutboxStore.RungTicket]
        do {
            marked = try await reserve()
        } catch {
            isUnsure.withLockedValue { $0 = true }
            throw error
        }
        let messages = early.withLockedValue { $0.endLook(marked: marked) }
        return messages.isEmpty ? nil : messages
    }

    /// Publishes what is marked, and puts back what the broker did not take.
    private func publish(_ messages: [StepMessage]) async throws -> (taken: Int, refusal: BrokerError?) {
        let outcomes: [StepPublicationOutcome]
        do {
            outcomes = try await publisher.publish(messages.map(StepPublication.init))
        } catch {
            await putBack(messages, after: .zero)
            throw error
        }
        var refused: [StepMessage] = []
        var unknown: [StepMessage] = []
        var refusal: BrokerError?
        for (message, outcome) in zip(messages, outcomes) {
            switch outcome {
            case .sent: break
            case .unsent(let error) where error.code == .unroutable || error.code == .rejected:
                refused.append(message)
                refusal = error
            case .unsent: unknown.append(message)
            }
        }
        await putBack(refused, after: configuration.pause)
        await putBack(unknown, after: .zero)
        rung.increment(by: Int64(messages.count - refused.count - unknown.count))
        return (unknown.isEmpty ? messages.count : 0, refusal)
    }

    /// How many may wait for all of them to be rung for without an order; each look reads so many tickets at most.
    private static let unorderedLimit = 64

    /// Decides who goes next and marks their tickets; where nobody has to wait, there is nothing to decide.
    private func reserve() async throws -> [OutboxStore.RungTicket] {
        let limit = min(configuration.batch, Self.unorderedLimit)
        if !somebodyWaits.withLockedValue({ $0 }) {
            if let tickets = try await OutboxStore.ringAll(
                limit: limit, window: configuration.window, dispatcher: id, in: database)
            {
                return tickets
            }
        }
        return try await database.withTransaction { transaction in
            // One more than a batch, so that who gets all of it is not thought to be through.
            guard let backlog = try await OutboxStore(transaction).takeTurn(limit: configuration.batch + 1) else {
                return []
            }
            let room = min(configuration.batch, configuration.window - backlog.inFlight)
            let grants = DispatchPolicy.grants(backlog.lanes, batch: room, now: backlog.readAt)
            let due = backlog.lanes.reduce(0) { $0 + $1.due }
            let granted = grants.reduce(0) { $0 + $1.count }
            somebodyWaits.withLockedValue { $0 = granted < due || due > limit }
            return grants.isEmpty
                ? [] : try await OutboxStore.reserve(grants, dispatcher: id, committing: transaction)
        }
    }

    /// In a task of its own: a shutdown must not leave tickets behind that look as if they had been rung. Where
    /// Postgres is away too, our silence tells.
    private func putBack(_ messages: [StepMessage], after pause: Duration) async {
        guard !messages.isEmpty else { return }
        early.withLockedValue { $0.forget(messages.map(\.step)) }
        await Task {
            do {
                try await OutboxStore(database).putBack(messages.map(\.step), after: pause)
            } catch {
                logger.warning(
                    "Doorbells that were not taken could not be put back; they ring again after a while",
                    metadata: [JobsKeys.Log.count: "\(messages.count)", JobsKeys.Log.error: "\(error)"])
            }
        }.value
    }
}
