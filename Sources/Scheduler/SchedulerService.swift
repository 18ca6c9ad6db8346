package import Foundation
import Jobs
package import Logging
package import Postgres
import ServiceLifecycle
import Storage

/// Starts the jobs of schedules that are due.
///
/// Any number of these may run. Each look locks the schedules that it takes, and each firing is a unique row written in
/// the transaction that begins its job; so an occurrence fires exactly once, whoever sees it first.
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
        return try await database.withTransaction { transaction in
            let store = ScheduleStore(transaction)
            let due = try await store.takeDue(now: moment, limit: configuration.batch)
            for schedule in due {
                try await fire(schedule, at: moment, store: store, jobs: JobStore(transaction))
            }
            return due.count
        }
    }

    private func fire(_ schedule: ScheduleStore.Due, at moment: Date, store: ScheduleStore, jobs: JobStore) async throws
    {
        guard let expression = try? CronExpression(schedule.cron), let zone = TimeZone(identifier: schedule.timeZone)
        else {
            // It was checked when it was stored; a zone can still vanish with the system's time zone data.
            logger.error(
                "A schedule has an expression or a time zone that cannot be read; it rests until it is mended",
                metadata: ["schedule": "\(schedule.slug)", "cron": "\(schedule.cron)", "zone": "\(schedule.timeZone)"])
            return try await store.setNext(nil, of: schedule.id)
        }
        let decision = FiringPolicy.decide(
            ScheduleCalculator(expression: expression, zone: zone), dueAt: schedule.nextAt, now: moment,
            catchUp: schedule.catchUpSeconds)
        for missed in decision.missed {
            if try await record(missed, of: schedule, job: nil, in: store) {
                logger.warning(
                    "An occurrence was missed",
                    metadata: ["schedule": "\(schedule.slug)", "planned": "\(missed.instant)"])
            }
        }
        if let start = decision.start {
            let job = JobID.random()
            if try await record(start, of: schedule, job: job, in: store) {
                _ = try await jobs.begin(
                    schedule.kind, integration: schedule.integration, postedBy: "schedule \(schedule.slug)", id: job)
                logger.info(
                    "A schedule started a job",
                    metadata: [
                        "schedule": "\(schedule.slug)", JobsKeys.Log.jobID: "\(job)", "planned": "\(start.instant)",
                    ])
            }
        }
        try await store.setNext(decision.next, of: schedule.id)
    }

    private func record(
        _ occurrence: ScheduleCalculator.Occurrence, of schedule: ScheduleStore.Due, job: JobID?,
        in store: ScheduleStore
    ) async throws -> Bool {
        try await store.record(
            schedule: schedule.id, localDate: occurrence.date.description, slot: occurrence.slot, fold: occurrence.fold,
            plannedAt: occurrence.instant, job: job)
    }
}
