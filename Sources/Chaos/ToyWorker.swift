package import Broker
import Jobs
package import Logging
package import Postgres
package import RabbitMQ
import ServiceLifecycle
import Storage
import UnixSignals
package import Worker

/// The real worker around toy work: what `rosterline-chaos worker` runs.
package struct ToyWorker: Sendable {
    package var database: PostgresConfiguration
    package var broker: RabbitMQConfiguration
    package var topology: BrokerTopology
    package var worker: WorkerConfiguration
    /// Doorbells of each kind that may wait in the process.
    package var prefetch: UInt16
    /// The versions of extract messages that it reads; of the other kinds there is one.
    package var versions: [Int16]

    package init(
        database: PostgresConfiguration, broker: RabbitMQConfiguration, topology: BrokerTopology,
        worker: WorkerConfiguration, prefetch: UInt16, versions: [Int16] = [1]
    ) {
        self.database = database
        self.broker = broker
        self.topology = topology
        self.worker = worker
        self.prefetch = prefetch
        self.versions = versions
    }

    /// Works until SIGTERM or SIGINT, and then drains.
    package func run(logger: Logger) async throws {
        let pool = PostgresPool(configuration: database, logger: logger)
        // The work's own way to the database: what the engine does to its connections does not reach it.
        let effects = PostgresPool(configuration: database, logger: logger)
        let cancellations = PostgresListener(
            configuration: database, channels: [JobStore.cancelChannel], logger: logger)
        var reads = BrokerTopology.currentVersions
        reads[.extract] = versions
        let consumer = StepConsumer(
            configuration: broker, topology: topology, reads: reads, prefetch: prefetch, logger: logger)
        let service = WorkerService(
            database: pool, consumer: consumer,
            handlers: StepKind.allCases.map { ToyHandler($0, history: HistoryStore(effects)) }, configuration: worker,
            cancellations: cancellations.notifications.map { _ in () }, logger: logger)
        let services: [any Service] = [pool, effects, cancellations, consumer, service]
        var quiet = logger
        quiet.logLevel = .error
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        configuration.maximumGracefulShutdownDuration = worker.drain + .seconds(10)
        try await ServiceGroup(configuration: configuration).run()
    }
}
