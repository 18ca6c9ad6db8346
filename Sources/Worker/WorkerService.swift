package import Broker
import FoundationEssentials
package import Jobs
package import Logging
package import Postgres
import ServiceLifecycle
import Storage

/// Takes doorbells from the broker, claims their steps in Postgres, and runs them.
///
/// The life of a delivery: it names a step; the claim takes the step under a lease and a fencing token; only then is
/// the delivery acknowledged, long before the work is done. So a message is lost or doubled without harm, and the
/// broker never waits for work. What the work ends with is written in one transaction with the next step's doorbell.
///
/// Ending, in three stages: on a graceful shutdown nothing new is taken and running steps may finish; after
/// `configuration.drain` they are interrupted and their leases handed back; cancellation is the third stage, now.
package struct WorkerService: Service {
    private let steps: StepStore
    private let consumer: StepConsumer
    private let executor: StepExecutor
    private let configuration: WorkerConfiguration
    private let logger: Logger
    private let running = RunningSteps()
    private let board: ProgressBoard
    private let slots: SlotCount

    package init(
        database: PostgresPool, consumer: StepConsumer, handlers: [any StepHandler], configuration: WorkerConfiguration,
        logger: Logger
    ) {
        var logger = logger
        logger[metadataKey: "worker"] = "\(configuration.name)"
        let board = ProgressBoard()
        self.steps = StepStore(database)
        self.consumer = consumer
        self.executor = StepExecutor(
            handlers: Dictionary(uniqueKeysWithValues: handlers.map { ($0.kind, $0) }), board: board,
            configuration: configuration, logger: logger)
        self.configuration = configuration
        self.logger = logger
        self.board = board
        self.slots = SlotCount(configuration.slots)
    }

    package func run() async throws {
        await withTaskGroup(of: Void.self) { keepers in
            keepers.addTask { await keepLeases() }
            keepers.addTask { await writeProgress() }
            keepers.addTask {
                // Returns early if this task is cancelled, when the loop below has ended.
                try? await gracefulShutdown()
                slots.close()
                await consumer.pause()
            }
            await withTaskCancellationHandler {
                await takeAndRun()
            } onCancel: {
                slots.close()
            }
            keepers.cancelAll()
        }
    }

    /// The loop: as many steps at once as there are slots.
    private func takeAndRun() async {
        await withDiscardingTaskGroup { work in
            while let free = await slots.waitForFree(), let deliveries = await nextBatch(max: free) {
                for claim in await claim(deliveries) {
                    slots.take()
                    // Before its task has begun: from now on its lease is renewed, and a drain knows of it.
                    let (stops, stop) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
                    running.add(claim.lease) { stop.finish() }
                    work.addTask {
                        await perform(claim, until: stops)
                        slots.give()
                    }
                }
            }
            logger.info("The worker takes nothing new", metadata: [JobsKeys.Log.count: "\(running.leases.count)"])
            work.addTask { await interruptAfterDrain() }
        }
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

    /// Claims what was rung for, then acknowledges; a delivery whose claim failed comes again.
    private func claim(_ deliveries: [StepDelivery]) async -> [StepStore.Claim] {
        guard !deliveries.isEmpty else { return [] }
        do {
            let wanted = Set(deliveries.map(\.message.step))
            let claims = try await steps.claim(Array(wanted), owner: configuration.name, for: configuration.lease)
            try? await consumer.acknowledge(deliveries)
            return claims
        } catch {
            logger.warning(
                "Could not claim steps; their doorbells ring again", metadata: [JobsKeys.Log.error: "\(error)"])
            // Without this pause a database that is down would be asked as fast as the broker can deliver.
            try? await Task.sleep(for: .seconds(1))
            for delivery in deliveries { try? await consumer.reject(delivery, requeue: true) }
            return []
        }
    }

    private func perform(_ claim: StepStore.Claim, until stops: AsyncStream<Void>) async {
        let ending = await withTaskGroup(of: StepEnding?.self) { group in
            group.addTask { await executor.run(claim) }
            group.addTask {
                for await _ in stops {}
                return nil
            }
            // Whoever comes first: the work is done, or its lease is gone and the work is told to stop.
            var ending = await group.next() ?? nil
            group.cancelAll()
            for await late in group { ending = ending ?? late }
            return ending
        }
        if let ending { await write(ending) }
        running.remove(claim.lease)
    }

    /// Writes an ending; while Postgres is away, as long as the lease can still be ours.
    ///
    /// Runs in a task of its own where cancellation does not reach: the ending of work that is done must not be lost to
    /// a shutdown.
    private func write(_ ending: StepEnding) async {
        let task = Task { [steps, logger, configuration] in
            let deadline = ContinuousClock.now + configuration.lease
            var pause = Duration.milliseconds(100)
            while true {
                do {
                    if try await steps.end([ending]).isEmpty {
                        logger.warning(
                            "A step's lease was lost; its result was not written",
                            metadata: [
                                JobsKeys.Log.jobID: "\(ending.lease.step.job)",
                                JobsKeys.Log.attempt: "\(ending.lease.token)",
                            ])
                    }
                    return
                } catch {
                    guard ContinuousClock.now + pause < deadline else {
                        return logger.error(
                            "A step's end could not be written before its lease ran out; another worker takes it up",
                            metadata: [JobsKeys.Log.jobID: "\(ending.lease.step.job)", JobsKeys.Log.error: "\(error)"])
                    }
                    try? await Task.sleep(for: pause)
                    pause = min(pause * 2, .seconds(2))
                }
            }
        }
        await task.value
    }

    /// Renews all leases in one statement at a third of their life, and stops the work under those that are lost.
    private func keepLeases() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: configuration.lease / 3)
            let leases = running.leases
            guard !leases.isEmpty else { continue }
            do {
                let held = try await steps.renew(leases, for: configuration.lease)
                running.cancel(leases.filter { !held.contains($0) })
            } catch  where !Task.isCancelled {
                logger.warning("Could not renew leases", metadata: [JobsKeys.Log.error: "\(error)"])
            } catch {}
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

    /// Gives running steps `drain` to finish, then interrupts them.
    private func interruptAfterDrain() async {
        let deadline = ContinuousClock.now + configuration.drain
        while !running.leases.isEmpty, !Task.isCancelled, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(50))
        }
        running.cancel(running.leases)
    }
}
