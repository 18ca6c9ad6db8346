package import Broker
import EventLoops
import FoundationEssentials
package import Jobs
package import Logging
package import Postgres
import ServiceLifecycle
import Storage

/// Takes doorbells from the broker, claims their steps in Postgres, and runs them.
///
/// The life of a delivery: it names a step; the claim takes the step under a lease and a fencing token; only then, and
/// within some milliseconds, is the delivery acknowledged. So a message is lost or doubled without harm, and the
/// broker never waits for work. What the work ends with is written in one transaction with the next step's doorbell.
///
/// Ending, in three stages: on a graceful shutdown nothing new is taken and running steps may finish; after
/// `configuration.drain` they are interrupted and their leases handed back; cancellation is the third stage, now.
package struct WorkerService: Service {
    /// How long a delivery may stay unacknowledged once its step is claimed.
    private static let acknowledgementPause = Duration.milliseconds(20)

    private let steps: StepStore
    private let consumer: StepConsumer
    private let executor: StepExecutor
    private let configuration: WorkerConfiguration
    private let logger: Logger
    private let running: RunningSteps
    private let board: ProgressBoard
    private let slots: SlotCount
    private let endings: EndingWriter
    private let acknowledgements: AcknowledgementQueue<StepDelivery>
    private let outbox: OutboxStore
    private let loop: PollLoop
    private let cancellations: any AsyncSequence<Void, Never> & Sendable

    /// - Parameter cancellations: says that somebody may have cancelled a job; only a hint that saves waiting for the
    ///   next look.
    package init(
        database: PostgresPool, consumer: StepConsumer, handlers: [any StepHandler], configuration: WorkerConfiguration,
        cancellations: any AsyncSequence<Void, Never> & Sendable = AsyncStream<Void> { _ in }, logger: Logger
    ) {
        var logger = logger
        logger[metadataKey: "worker"] = "\(configuration.name)"
        let board = ProgressBoard()
        let running = RunningSteps()
        let slots = SlotCount(configuration.slots)
        self.steps = StepStore(database)
        self.consumer = consumer
        self.executor = StepExecutor(
            handlers: Dictionary(uniqueKeysWithValues: handlers.map { ($0.kind, $0) }), steps: StepStore(database),
            board: board, running: running, configuration: configuration, logger: logger)
        let store = StepStore(database)
        let loop = database.loop
        let acknowledgements = AcknowledgementQueue<StepDelivery> {
            _ = await loop.sleep(until: .now + Self.acknowledgementPause)
        } tell: { deliveries in
            // What cannot be told comes again, and then finds nothing to claim.
            try? await consumer.acknowledge(deliveries)
        }
        self.loop = loop
        self.acknowledgements = acknowledgements
        self.endings = EndingWriter(steps: store, loop: loop, patience: configuration.lease, logger: logger) { leases in
            running.remove(leases)
            slots.give(leases.count)
            if running.isEmpty { Task(executorPreference: loop) { await acknowledgements.flush() } }
        }
        self.outbox = OutboxStore(database)
        self.cancellations = cancellations
        self.configuration = configuration
        self.logger = logger
        self.board = board
        self.running = running
        self.slots = slots
    }

    package func run() async throws {
        await withTaskGroup(of: Void.self) { keepers in
            keepers.addTask { await keepLeases() }
            keepers.addTask { await writeProgress() }
            keepers.addTask { await watchForCancellations() }
            keepers.addTask { await handBackWhileBusy() }
            keepers.addTask { for await _ in cancellations { await stopCancelled() } }
            keepers.addTask {
                // Returns early if this task is cancelled, when the loop below has ended.
                try? await gracefulShutdown()
                slots.close()
                await consumer.pause()
            }
            await withTaskCancellationHandler {
                // It lives from one answer of Postgres's to the next; the steps' own tasks run elsewhere.
                await withTaskExecutorPreference(loop) { await takeAndRun() }
            } onCancel: {
                slots.close()
            }
            keepers.cancelAll()
        }
    }

    /// The loop: as many steps at once as there are slots.
    private func takeAndRun() async {
        await withTaskCancellationHandler {
            while let free = await slots.waitForFree(), let deliveries = await nextBatch(max: free) {
                guard let claims = await claim(deliveries) else { continue }
                slots.take(claims.count)
                // Their leases are renewed and a drain knows of them from now on.
                running.add(claims.map(\.lease))
                for claim in claims { start(claim) }
                await acknowledgements.add(deliveries, on: loop)
            }
            logger.info("The worker takes nothing new", metadata: [JobsKeys.Log.count: "\(running.leases.count)"])
            await drain()
            await acknowledgements.flush()
        } onCancel: {
            running.stop(running.leases, because: .drain)
        }
    }

    /// A task of its own, which only `running` stops; `slots` bounds how many there are, and the loop's end waits until
    /// they have given theirs back. A child of a group would be a second task for each step.
    private func start(_ claim: StepStore.Claim) {
        let attempt = Task {
            if let ending = await executor.run(claim) {
                endings.write(ending)
            } else {
                running.remove([claim.lease])
                slots.give(1)
            }
        }
        running.attach(claim.lease) { attempt.cancel() }
    }

    /// Doorbells to answer; empty if the broker has none to give just now; nil when there will be none any more.
    private func nextBatch(max: Int) async -> [StepDelivery]? {
        do {
            let deliveries = try await consumer.nextBatch(max: max)
            // Empty means paused, so that the loop looks at its slots, which are closed; or the consumer has ended.
            if deliveries.isEmpty { try await Task.sleep(for: .milliseconds(50)) }
            return deliveries
        } catch is CancellationError {
            return nil
        } catch {
            logger.debug("No doorbells can be heard yet", metadata: [JobsKeys.Log.error: "\(error)"])
            try? await Task.sleep(for: .milliseconds(200))
            return Task.isCancelled ? nil : []
        }
    }

    /// Claims what was rung for; a delivery whose claim failed comes again.
    /// - Returns: nil where there is nothing to acknowledge.
    private func claim(_ deliveries: [StepDelivery]) async -> [StepStore.Claim]? {
        guard !deliveries.isEmpty else { return nil }
        do {
            let wanted = Set(deliveries.map(\.message.step))
            return try await steps.claim(Array(wanted), owner: configuration.name, for: configuration.lease)
        } catch {
            logger.warning(
                "Could not claim steps; their doorbells ring again", metadata: [JobsKeys.Log.error: "\(error)"])
            // Without this pause a database that is down would be asked as fast as the broker can deliver.
            try? await Task.sleep(for: .seconds(1))
            for delivery in deliveries { try? await consumer.reject(delivery, requeue: true) }
            return nil
        }
    }

    /// Renews all leases in one statement at a third of their life, whether or not the one before has been answered:
    /// its connection may be dead without anybody knowing, and leases must not wait for that.
    private func keepLeases() async {
        await withDiscardingTaskGroup { renewals in
            while !Task.isCancelled {
                try? await Task.sleep(for: configuration.lease / 3)
                if !running.isEmpty { renewals.addTask { await renewLeases() } }
            }
        }
    }

    /// Stops the work under leases that are lost. What fails is tried again within the second, until the next renewal.
    private func renewLeases() async {
        let limit = ContinuousClock.now + configuration.lease / 3
        repeat {
            let leases = running.leases
            guard !leases.isEmpty else { return }
            do {
                let renewal = try await steps.renew(leases, for: configuration.lease)
                running.stop(leases.filter { !renewal.held.contains($0) }, because: .leaseLost)
                running.stop(renewal.cancelled, because: .cancelled)
                return
            } catch {
                guard !Task.isCancelled else { return }
                logger.warning("Could not renew leases", metadata: [JobsKeys.Log.error: "\(error)"])
                try? await Task.sleep(for: min(.seconds(1), configuration.lease / 10))
            }
        } while !Task.isCancelled && ContinuousClock.now < limit
    }

    /// Lets others have what waits here while all slots are taken for long, and hears nothing until one is free: a
    /// doorbell in a busy process could ring elsewhere, and the broker does not like to wait for acknowledgements.
    ///
    /// The tickets are put back and the messages acknowledged; giving the messages back would count as a failure of
    /// theirs at brokers before 4.3.
    private func handBackWhileBusy() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: configuration.handBack / 5)
            guard let since = slots.fullSince, .now - since >= configuration.handBack else { continue }
            do {
                let waiting = try await consumer.pauseTakingAll()
                try await handBack(waiting)
            } catch {
                logger.debug("Could not hand doorbells back", metadata: [JobsKeys.Log.error: "\(error)"])
            }
            while slots.fullSince != nil, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(50)) }
            // A drain has paused it for good.
            if !slots.isClosed { await consumer.resume() }
        }
    }

    private func handBack(_ waiting: [StepDelivery]) async throws {
        guard !waiting.isEmpty else { return }
        do {
            try await outbox.putBack(waiting.map(\.message.step), after: .zero)
            try await consumer.acknowledge(waiting)
        } catch {
            for delivery in waiting { try? await consumer.reject(delivery, requeue: true) }
            throw error
        }
    }

    /// Looks for cancelled jobs by itself, for when a notice of Postgres's is lost.
    private func watchForCancellations() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: configuration.cancellationInterval)
            await stopCancelled()
        }
    }

    private func stopCancelled() async {
        let leases = running.leases
        guard !leases.isEmpty else { return }
        do {
            running.stop(try await steps.cancelled(among: leases), because: .cancelled)
        } catch {
            logger.debug("Could not look for cancelled jobs", metadata: [JobsKeys.Log.error: "\(error)"])
        }
    }

    private func writeProgress() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: configuration.progressInterval)
            let changes = board.takeChanges()
            guard !changes.isEmpty else { continue }
            do {
                try await steps.report(changes)
            } catch {
                logger.debug("Could not write progress", metadata: [JobsKeys.Log.error: "\(error)"])
            }
        }
    }

    /// Waits until nothing runs; what still does after `drain`, or when this is cancelled, is interrupted.
    private func drain() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await Task.sleep(for: configuration.drain)
                running.stop(running.leases, because: .drain)
            }
            await slots.waitUntilIdle()
            group.cancelAll()
        }
    }
}
