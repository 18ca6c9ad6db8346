package import Foundation
import Jobs
package import Logging
package import Postgres
import Schedules
import ServiceLifecycle
import Storage

/// Starts the jobs of schedules that are due.
///
/// Any number of these may run. Each look locks the schedules that it takes, and each firing is a unique row written in
/// the transaction that begins its job; so an occurrence fires exactly once, whoever sees it first. A look costs a
/// handful of statements, however many schedules it takes.
package struct SchedulerService: Service {
    private let database: PostgresPool
    private let configuration: SchedulerConfiguration
    private let now: @Sendable () -> Date
    private let logger: Logger

    package init(
        database: PostgresPool, configuration: SchedulerConfiguration, now: @escaping @Sendable () -> Date = { Date() },
        logger: Logger
    ) {
        self.database = database
        self.configuration = configuration
        self.now = now
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var outage = Outage()
            while !Task.isCancelled {
                do {
                    while try await tick() == configuration.batch {}
                    if let seconds = outage.ended(at: now()) {
                        logger.info(
                            "The scheduler reads its schedules again", metadata: [JobsKeys.Log.seconds: "\(seconds)"])
                    }
                } catch is CancellationError {
                    return
                } catch {
                    if !Task.isCancelled, outage.began(at: now()) {
                        logger.warning(
                            "The scheduler cannot read its schedules", metadata: [JobsKeys.Log.error: "\(error)"])
                    }
                }
                try? await Task.sleep(for: configuration.interval)
            }
        }
    }

    /// Fires what is due.
    ///
    /// - Returns: how many schedules were taken; a full batch means that more may wait.
    @discardableResult
    package func tick() async throws -> Int {
        let moment = now()
        let tick = try await database.withTransaction { transaction in
            let schedules = ScheduleStore(transaction)
            var tick = SchedulerTick(try await schedules.takeDue(now: moment, limit: configuration.batch), now: moment)
            guard !tick.isEmpty else { return tick }
            tick.decide(try await schedules.circumstances(of: tick.readable, due: tick.occurrences))
            try await schedules.record(tick.records)
            // Cancelled first: a begin locks the job that it comes after, and a cancellation wants the steps before it.
            for cancel in tick.cancels {
                try await JobStore.cancel(cancel.job, by: cancel.by, reason: cancel.reason, in: transaction)
            }
            try await JobStore(transaction).begin(tick.requests)
            try await schedules.advance(tick.advances)
            return tick
        }
        // Only what was committed has happened.
        for line in tick.lines { logger.log(level: line.level, line.message, metadata: line.metadata) }
        return tick.count
    }
}
