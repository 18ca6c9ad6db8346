import Broker
import Dispatcher
import EngineTestSupport
import Jobs
import Logging
import Maintenance
import Postgres
import RabbitMQ
import ServiceLifecycle
import Storage
import TestSupport
import Testing
import Worker

/// A step handler that does what the test says.
struct ToyHandler: StepHandler {
    let kind: StepKind
    private let body: @Sendable (StepContext) async throws -> StepOutcome

    init(_ kind: StepKind, _ body: @escaping @Sendable (StepContext) async throws -> StepOutcome) {
        self.kind = kind
        self.body = body
    }

    func run(_ context: StepContext) async throws -> StepOutcome { try await body(context) }

    /// One for each kind, all with the same body.
    static func all(_ body: @escaping @Sendable (StepContext) async throws -> StepOutcome) -> [ToyHandler] {
        StepKind.allCases.map { ToyHandler($0, body) }
    }
}

/// The engine without what it is for: a database, a broker, the outbox's relay; workers come with toy handlers.
struct EngineScene: Sendable {
    let database: EngineDatabase
    let broker: RabbitMQConfiguration
    let topology: BrokerTopology
    let logger: Logger

    /// Runs the body on the shared servers, with a database and queues of its own.
    static func with(
        logger: Logger = EngineDatabase.logger, _ body: @Sendable (EngineScene) async throws -> Void
    ) async throws {
        let server = try #require(RabbitMQServer.current)
        let broker = RabbitMQConfiguration(
            hosts: [.init(server.host, port: server.port)], user: server.user, password: server.password)
        try await EngineDatabase.with { database in try await with(database, broker, logger: logger, body) }
    }

    /// Runs the body on servers of its choice.
    static func with(
        _ database: EngineDatabase, _ broker: RabbitMQConfiguration, logger: Logger = EngineDatabase.logger,
        _ body: @Sendable (EngineScene) async throws -> Void
    ) async throws {
        var broker = broker
        broker.backoff.cap = .milliseconds(500)
        let topology = BrokerTopology(prefix: RabbitMQServer.prefix() + "rosterline")
        try await topology.create(broker)
        let scene = EngineScene(database: database, broker: broker, topology: topology, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let publisher = StepPublisher(configuration: broker, topology: topology, logger: logger)
            let relay = DispatcherService(
                database: database.pool, notices: AsyncStream(unfolding: Self.silence), publisher: publisher,
                configuration: DispatcherConfiguration(interval: .milliseconds(50)), logger: logger)
            let maintenance = MaintenanceService(
                database: database.pool,
                configuration: MaintenanceConfiguration(interval: .milliseconds(100), patience: .seconds(5)),
                logger: logger)
            group.addTask { try await publisher.run() }
            group.addTask { try await relay.run() }
            group.addTask { try await maintenance.run() }
            defer { group.cancelAll() }
            try await body(scene)
        }
        try await topology.delete(broker)
    }

    /// No bell ever rings; the relay finds what is due by itself.
    private static func silence() async -> OutboxNotice? {
        try? await Task.sleep(for: .seconds(3600))
        return nil
    }

    /// Quick retries, and leases that last where the machine is busy.
    static func configuration(_ name: String = "worker", slots: Int = 4, drain: Duration = .seconds(30))
        -> WorkerConfiguration
    {
        WorkerConfiguration(
            name: name, slots: slots, lease: .seconds(6), drain: drain, progressInterval: .milliseconds(50),
            retries: RetryPolicy(attemptLimit: 3, firstDelay: .milliseconds(50), longestDelay: .milliseconds(100)))
    }

    /// Runs a worker beside the body, with everybody's connections or its own; afterwards it is cancelled, unless the
    /// body has shut it down.
    func withWorker(
        _ handlers: [any StepHandler], _ configuration: WorkerConfiguration = EngineScene.configuration(),
        prefetch: UInt16 = 64, pool: PostgresPool? = nil,
        cancellations: any AsyncSequence<Void, Never> & Sendable = AsyncStream<Void> { _ in },
        _ body: @Sendable (RunningWorker) async throws -> Void
    ) async throws {
        let consumer = StepConsumer(
            configuration: broker, topology: topology, kinds: StepKind.allCases, prefetch: prefetch, logger: logger)
        let worker = WorkerService(
            database: pool ?? database.pool, consumer: consumer, handlers: handlers, configuration: configuration,
            cancellations: cancellations, logger: logger)
        let members: [any Service] = [consumer, worker]
        let services = ServiceGroup(
            configuration: .init(
                services: members.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
                logger: EngineDatabase.logger))
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (ends, end) = AsyncStream.makeStream(of: Void.self)
            group.addTask {
                defer { end.finish() }
                try await services.run()
            }
            try await body(RunningWorker(services: services, ends: ends))
            group.cancelAll()
            // Being cancelled is how it ends.
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }

    /// Waits until a job is in a state.
    func wait(
        for job: JobID, to be: JobState, within limit: Duration = .seconds(60),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await eventually(within: limit, "job is \(be.rawValue)", sourceLocation: sourceLocation) {
            try await database.queries.job(job)?.state == be
        }
    }
}

/// A worker as the process that runs it sees it.
struct RunningWorker: Sendable {
    let services: ServiceGroup
    fileprivate let ends: AsyncStream<Void>

    /// What SIGTERM does; returns at once.
    func beginShutdown() async { await services.triggerGracefulShutdown() }

    /// Waits until it has stopped.
    func ended() async { for await _ in ends {} }
}
