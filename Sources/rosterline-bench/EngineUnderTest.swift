internal import Broker
internal import Dispatcher
internal import Foundation
internal import Jobs
internal import Logging
internal import NIOConcurrencyHelpers
internal import Postgres
internal import RabbitMQ
internal import ServiceLifecycle
internal import Storage
internal import UnixSignals
internal import Worker

/// The product's engine with a handler that has nothing to do, in the processes that the benchmark starts.
///
/// Everything that the benchmark needs of the engine's modules is in this file and its extensions.
struct EngineUnderTest: Sendable {
    let postgres: PostgresConfiguration
    let rabbitMQ: RabbitMQConfiguration
    let topology: BrokerTopology
    let logger: Logger

    /// As the benchmark's children find it in their environment.
    init() throws {
        let environment = ProcessInfo.processInfo.environment
        guard let database = environment["BENCH_POSTGRES"], let broker = environment["BENCH_AMQP"],
            let prefix = environment["BENCH_QUEUE"]
        else { throw BenchError("BENCH_POSTGRES, BENCH_AMQP and BENCH_QUEUE must be set.") }
        try self.init(database: database, broker: broker, prefix: prefix)
    }

    init(database: String, broker: String, prefix: String) throws {
        var configuration = try PostgresConfiguration(url: database)
        configuration.planning = .onceByIndex
        postgres = configuration
        rabbitMQ = try RabbitMQConfiguration(url: broker)
        topology = BrokerTopology(prefix: prefix)
        var logger = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
        // As an operator would set it for steps of microseconds.
        logger.logLevel = .warning
        self.logger = logger
    }

    /// Makes the tables, one integration, and the queues.
    /// - Parameter limited: with limits on steps at once and steps a minute that nothing reaches; false for without.
    func prepare(limited: Bool) async throws {
        try await withPool { pool in
            try await PostgresMigrator(migrations: StorageMigrations.all).apply(on: pool)
            let store = IntegrationStore(pool)
            let institution = try await store.put(institution: "bench", name: "Bench")
            _ = try await store.put(
                integration: "nightly", name: "Nightly", institution: institution,
                settings: IntegrationSettings(
                    source: .init(location: "/nowhere"),
                    canvas: .init(address: "http://127.0.0.1:1", token: "env:NOBODY_READS_THIS")))
            let ample = 1_000_000_000
            try await store.put(
                DispatchLimits(concurrentSteps: limited ? ample : nil, stepsPerMinute: limited ? ample : nil),
                institution: institution)
        }
        try await topology.delete(rabbitMQ)
        try await topology.create(rabbitMQ)
    }

    /// Begins jobs of one step in batches, each a transaction, while a dispatcher hands them to the broker.
    ///
    /// - Returns: seconds from the first begin to the last confirm.
    func enqueue(_ count: Int, batch: Int) async throws -> Double {
        try await withPool { pool in
            try await whileRunning(dispatcher(pool)) {
                let integration = try await integration(pool)
                let begin = ContinuousClock.now
                for first in stride(from: 0, to: count, by: batch) {
                    let requests = (first..<min(count, first + batch)).map { _ in
                        JobRequest(.rosterSync, integration: integration, postedBy: "bench", steps: [.extract])
                    }
                    try await JobStore(pool).begin(requests)
                }
                try await waitForBroker(holding: count)
                return (ContinuousClock.now - begin) / .seconds(1)
            }
        }
    }

    /// The queue itself is asked: a ticket is marked before its message is published.
    private func waitForBroker(holding count: Int) async throws {
        try await RabbitMQAdministration.with(rabbitMQ) { broker in
            while try await broker.messageCount(queue: topology.queue(for: .extract)) < count {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    /// Begins single jobs at a steady rate, and waits until all are completed.
    func latency(rate: Int, seconds: Int) async throws -> LatencyAnswer {
        try await withPool { pool in
            let planned = try await withTaskExecutorPreference(pool.loop) {
                try await begin(rate * seconds, rate: rate, on: pool)
            }
            return try await completions(of: planned, pool)
        }
    }

    /// - Returns: when each was to be sent, in seconds since 1970.
    private func begin(_ count: Int, rate: Int, on pool: PostgresPool) async throws -> [UUID: Double] {
        let integration = try await integration(pool)
        var planned: [UUID: Double] = [:]
        let begin = Date().timeIntervalSince1970
        for number in 0..<count {
            let moment = begin + Double(number) / Double(rate)
            Self.block(until: moment)
            let request = JobRequest(.rosterSync, integration: integration, postedBy: "bench", steps: [.extract])
            planned[request.id.uuid] = moment
            try await JobStore(pool).begin([request])
        }
        return planned
    }

    /// As exact as the peers wait: a suspended task is woken over three threads, which would count as the engine's
    /// time. The thread is a loop that has nothing else to do.
    private static func block(until moment: Double) {
        let pause = moment - Date().timeIntervalSince1970
        if pause > 0 { Thread.sleep(forTimeInterval: pause) }
    }

    private func completions(of planned: [UUID: Double], _ pool: PostgresPool) async throws -> LatencyAnswer {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            let rows = try await pool.query(
                """
                SELECT job_id, extract(epoch FROM started_at)::float8, extract(epoch FROM finished_at)::float8
                FROM step WHERE state = 'completed'
                """
            ).map { try $0.decode((UUID.self, Double.self, Double.self)) }
            if rows.count >= planned.count {
                let known = rows.compactMap { row in planned[row.0].map { (row.1 - $0, row.2 - $0) } }
                return LatencyAnswer(start: known.map(\.0), end: known.map(\.1))
            }
            guard ContinuousClock.now < deadline else {
                throw BenchError("Only \(rows.count) of \(planned.count) jobs were completed within 60 s.")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// A dispatcher by itself, until SIGTERM or SIGINT.
    func dispatch() async throws {
        let pool = PostgresPool(configuration: postgres, logger: logger)
        try await run([pool] + dispatcher(pool))
    }

    /// A worker, until SIGTERM or SIGINT, or until it has run that many steps.
    func work(expecting count: Int?, slots: Int, prefetch: Int) async throws {
        let pool = PostgresPool(configuration: postgres, logger: logger)
        let consumer = StepConsumer(
            configuration: rabbitMQ, topology: topology, kinds: [.extract], prefetch: UInt16(prefetch), logger: logger)
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let worker = WorkerService(
            database: pool, consumer: consumer, handlers: [NothingToDo(limit: count, end: end)],
            configuration: WorkerConfiguration(
                name: "bench-\(ProcessInfo.processInfo.processIdentifier)", slots: slots),
            logger: logger)
        try await run([pool, consumer, worker], until: ends)
    }
}

extension EngineUnderTest {
    private func dispatcher(_ pool: PostgresPool) -> [any Service] {
        let bells = PostgresListener(configuration: postgres, channels: [OutboxStore.channel], logger: logger)
        let publisher = StepPublisher(configuration: rabbitMQ, topology: topology, logger: logger)
        let service = DispatcherService(
            database: pool, notices: bells.notifications.map { OutboxNotice(payload: $0.payload) },
            publisher: publisher,
            configuration: DispatcherConfiguration(name: "bench", window: 10_000_000), logger: logger)
        return [publisher, bells, service]
    }

    private func integration(_ pool: PostgresPool) async throws -> Int64 {
        guard let row = try await pool.query("SELECT id FROM integration LIMIT 1").first else {
            throw BenchError("There is no integration; prepare comes first.")
        }
        return try row.decode("id")
    }

    func withPool<Result: Sendable>(_ body: (PostgresPool) async throws -> Result) async throws -> Result {
        try await PostgresPool.withPool(postgres, logger: logger, body)
    }

    private func whileRunning<Result: Sendable>(
        _ services: [any Service], _ body: () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup { group in
            for service in services { group.addTask { try await service.run() } }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    private func run(_ services: [any Service], until ends: AsyncStream<Void>? = nil) async throws {
        var quiet = logger
        quiet.logLevel = .error
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            if let ends {
                tasks.addTask {
                    for await _ in ends {}
                    if !Task.isCancelled { await group.triggerGracefulShutdown() }
                }
            }
            // A signal ends it before its count is full.
            defer { tasks.cancelAll() }
            try await group.run()
        }
    }
}

/// The job of the benchmark.
private struct NothingToDo: StepHandler {
    let kind = StepKind.extract
    private let left: NIOLockedValueBox<Int?>
    private let end: AsyncStream<Void>.Continuation

    /// - Parameter limit: after so many `end` is finished; nil for never.
    init(limit: Int?, end: AsyncStream<Void>.Continuation) {
        left = NIOLockedValueBox(limit)
        self.end = end
    }

    func run(_ context: StepContext) async throws -> StepOutcome {
        let isLast = left.withLockedValue { left in
            left = left.map { $0 - 1 }
            return left == 0
        }
        if isLast { end.finish() }
        return .completed(StepResult())
    }
}
