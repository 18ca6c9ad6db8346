import ArgumentParser
import Broker
import Dispatcher
import Maintenance
import Postgres
import RabbitMQ
import Scheduler
import Storage

/// Fires schedules, rings doorbells, keeps the tables: the small jobs that any number of processes may share.
struct SchedulerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scheduler",
        abstract:
            "Starts the jobs of schedules that are due, sends them to the broker, rescues what workers left behind.")

    func run() async throws {
        let cluster = try await Cluster(role: "scheduler")
        let settings = cluster.settings
        let postgres = try cluster.postgres("scheduler")
        let pool = PostgresPool(configuration: postgres, logger: cluster.logger)
        let bells = PostgresListener(configuration: postgres, channels: [OutboxStore.channel], logger: cluster.logger)
        let publisher = StepPublisher(
            configuration: try cluster.rabbitMQ("publisher"), topology: try cluster.topology(), logger: cluster.logger)
        var engine = try cluster.enginePostgres("dispatcher")
        engine.poolSize = 3
        let tickets = PostgresPool(configuration: engine, logger: cluster.logger)
        let dispatcher = DispatcherService(
            database: tickets, notices: bells.notifications.map { OutboxNotice(payload: $0.payload) },
            publisher: publisher,
            configuration: DispatcherConfiguration(
                name: Cluster.processName, interval: try settings.duration("dispatcher.intervalSeconds"),
                window: try settings.whole("dispatcher.window"),
                silence: try settings.duration("dispatcher.silenceSeconds")),
            logger: cluster.logger)
        let scheduler = SchedulerService(
            database: pool,
            configuration: SchedulerConfiguration(interval: try settings.duration("scheduler.intervalSeconds")),
            logger: cluster.logger)
        let maintenance = MaintenanceService(
            database: pool,
            configuration: MaintenanceConfiguration(
                interval: try settings.duration("maintenance.intervalSeconds"),
                cancelPatience: try settings.duration("maintenance.cancelSeconds"),
                patience: try settings.duration("maintenance.patienceSeconds"),
                retention: .seconds(try settings.whole("maintenance.retentionDays") * 86_400)),
            logger: cluster.logger)
        let letters = DeadLetterConsumer(
            configuration: try cluster.rabbitMQ("dead letters"), topology: try cluster.topology(),
            logger: cluster.logger)
        let drain = DeadLetterDrain(letters: letters, database: pool, logger: cluster.logger)
        let watch = try cluster.brokerWatch(
            use: BrokerUse(publishes: true, queues: [try cluster.topology().deadQueue]), readsSettings: true,
            isBlocked: { publisher.health.status == .blocked })
        try await cluster.run([
            pool, tickets, watch, publisher, bells, dispatcher, maintenance, letters, drain, scheduler,
        ])
    }
}
