import FoundationEssentials
import Jobs
package import Logging
import Metrics
package import Postgres
import ServiceLifecycle
import Storage

/// Keeps the tables in order: takes steps back from workers that are gone, rings again for steps that nobody came for,
/// makes the partitions of the months to come and drops those past retention.
///
/// Any number may run; every statement is safe beside itself.
package struct MaintenanceService: Service {
    private let database: PostgresPool
    private let configuration: MaintenanceConfiguration
    private let logger: Logger
    private let rescues = Counter(label: "rosterline_steps_rescued_total")

    package init(database: PostgresPool, configuration: MaintenanceConfiguration, logger: Logger) {
        self.database = database
        self.configuration = configuration
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var outage = Outage()
            var partitionsDue = ContinuousClock.now
            while !Task.isCancelled {
                var pause = configuration.interval
                do {
                    try await rescue()
                    try await ringAgain()
                    try await seeToFailures()
                    if ContinuousClock.now >= partitionsDue {
                        try await keepPartitions()
                        _ = try await DeadStore(database).prune(olderThan: configuration.retention)
                        try await pruneOccurrences()
                        partitionsDue = .now + .seconds(3600)
                    }
                    // A lease that nobody renews is taken back when it ends, not up to an interval later.
                    if let expiry = try await StepStore(database).untilNextExpiry() {
                        pause = min(pause, max(expiry, Self.shortestPause))
                    }
                    _ = outage.ended(at: Date())
                } catch is CancellationError {
                    return
                } catch {
                    if !Task.isCancelled, outage.began(at: Date()) {
                        logger.warning(
                            "Maintenance cannot reach its tables", metadata: [JobsKeys.Log.error: "\(error)"])
                    }
                }
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// Where a lease has ended and could not be taken back, since somebody else is at it.
    private static let shortestPause = Duration.milliseconds(100)

    private func rescue() async throws {
        let store = StepStore(database)
        for rescue in try await store.rescue(rescueLimit: configuration.rescueLimit) {
            rescues.increment()
            logger.warning(
                rescue.isParked
                    ? "A step was parked: every worker that took it stopped answering"
                    : "A step was taken back from a worker that stopped answering",
                metadata: [
                    JobsKeys.Log.jobID: "\(rescue.step.job)", JobsKeys.Log.step: "\(rescue.step.ordinal)",
                    "worker": "\(rescue.owner)", "rescues": "\(rescue.rescues)",
                ])
        }
        try await store.sweepProgress()
        for step in try await store.fenceCancelled(after: configuration.cancelPatience) {
            logger.warning(
                "A cancelled step did not stop by itself; its lease was taken away",
                metadata: [JobsKeys.Log.jobID: "\(step.job)", JobsKeys.Log.step: "\(step.ordinal)"])
        }
    }

    private func ringAgain() async throws {
        let outbox = OutboxStore(database)
        _ = try await outbox.letFollowersGo()
        let rung = try await outbox.ringAgain(unansweredFor: configuration.patience)
        if rung > 0 {
            logger.warning(
                "Steps were rung for and nobody came; they are rung for again",
                metadata: [JobsKeys.Log.count: "\(rung)"])
        }
    }

    private func seeToFailures() async throws {
        let failures = FailureGrouping(database: database)
        let grouped = try await failures.group()
        if grouped > 0 {
            // Whatever made them fail, this line tells of it.
            logger.error(
                "Steps have failed and wait for somebody; see the failures",
                metadata: [JobsKeys.Log.count: "\(grouped)"])
        }
        try await failures.carryOn()
    }

    private func keepPartitions() async throws {
        let dropped = try await RetentionStore(database).keepPartitions(for: configuration.retention)
        if dropped > 0 {
            logger.info("Dropped tables of months past retention", metadata: [JobsKeys.Log.count: "\(dropped)"])
        }
    }

    /// Each statement is short, and there are enough of them for a day of 100 000 schedules in each hour.
    private func pruneOccurrences() async throws {
        let store = RetentionStore(database)
        for _ in 0..<20 {
            let limit = 5000
            guard try await store.pruneOccurrences(olderThan: configuration.retention, limit: limit) == limit else {
                return
            }
        }
    }
}
