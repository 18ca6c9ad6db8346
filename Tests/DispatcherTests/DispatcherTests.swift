import Broker
import Dispatcher
import EngineTestSupport
import FoundationEssentials
import Jobs
import Logging
import Postgres
import RabbitMQ
import Storage
import TestSupport
import Testing

@Suite(.postgres, .rabbitMQ, .timeLimit(.minutes(5)))
struct DispatcherTests {
    /// A database, a topology, and a publisher and a consumer that are connected.
    private func withDispatcher(
        _ body:
            @Sendable (EngineDatabase, RabbitMQConfiguration, BrokerTopology, StepPublisher, StepConsumer) async throws
            -> Void
    ) async throws {
        let server = try #require(RabbitMQServer.current)
        let broker = RabbitMQConfiguration(
            hosts: [.init(server.host, port: server.port)], user: server.user, password: server.password)
        let topology = BrokerTopology(prefix: RabbitMQServer.prefix() + "rosterline")
        try await topology.create(broker)
        let publisher = StepPublisher(configuration: broker, topology: topology, logger: EngineDatabase.logger)
        let consumer = StepConsumer(
            configuration: broker, topology: topology, kinds: [.extract], prefetch: 1000, logger: EngineDatabase.logger)
        try await EngineDatabase.with { database in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await publisher.run() }
                group.addTask { try await consumer.run() }
                defer { group.cancelAll() }
                try await eventually("both are connected") {
                    publisher.health.status == .connected && consumer.health.status == .connected
                }
                try await body(database, broker, topology, publisher, consumer)
            }
        }
        try await topology.delete(broker)
    }

    private func dispatcher(_ database: EngineDatabase, _ publisher: StepPublisher, batch: Int = 500)
        -> DispatcherService
    {
        DispatcherService(
            database: database.pool, notices: AsyncStream(unfolding: silence), publisher: publisher,
            configuration: DispatcherConfiguration(
                interval: .milliseconds(50), batch: batch, pause: .milliseconds(300)),
            logger: EngineDatabase.logger)
    }

    private func heard(_ consumer: StepConsumer, atLeast count: Int) async throws -> [StepID] {
        var heard: [StepID] = []
        while heard.count < count {
            let deliveries = try await consumer.nextBatch(max: 500)
            heard += deliveries.map(\.message.step)
            try await consumer.acknowledge(deliveries)
        }
        return heard
    }

    @Test func `a bell that is due is rung once, one that is not due waits`() async throws {
        try await withDispatcher { database, _, _, publisher, consumer in
            let job = try await database.begin()
            let later = try await database.begin()
            try await database.pool.execute(
                "UPDATE outbox SET due_at = now() + interval '1 hour' WHERE job_id = \(later.uuid)")
            #expect(try await dispatcher(database, publisher).ringBatch() == 1)
            #expect(try await heard(consumer, atLeast: 1) == [StepID(job: job, ordinal: 1)])
            #expect(try await database.bells() == [StepID(job: later, ordinal: 1)])
            #expect(try await dispatcher(database, publisher).ringBatch() == 0)
        }
    }

    /// Who decides writes down when it served an institution; who rings for all does not.
    @Test func `while somebody waits each look decides, and none does once nobody has to`() async throws {
        try await withDispatcher { database, _, _, publisher, _ in
            let dispatcher = dispatcher(database, publisher)
            func ring() async throws -> Date {
                #expect(try await dispatcher.ringBatch() == 1)
                // As if its attempt had ended.
                try await database.pool.execute("DELETE FROM outbox WHERE rung_at IS NOT NULL")
                let lane = try await database.pool.query("SELECT greatest(served_at, 'epoch') AS at FROM lane")
                return try #require(lane.first).decode("at")
            }
            try await database.pool.execute("UPDATE institution SET concurrent_steps = 1")
            _ = try await database.begin()
            #expect(try await ring() == Date(timeIntervalSince1970: 0), "one alone")
            for _ in 0..<3 { _ = try await database.begin() }
            var served: [Date] = []
            for _ in 0..<3 { served.append(try await ring()) }
            #expect(Set(served).count == 3 && served == served.sorted(), "the last of three is decided too")
            _ = try await database.begin()
            #expect(try await ring() == served.last)
        }
    }

    @Test(arguments: [1, 2, 5]) func `the weights hold however few steps each look may ring`(room: Int) async throws {
        try await withDispatcher { database, _, _, publisher, _ in
            let store = IntegrationStore(database.pool)
            let heavy = try await store.put(institution: "heavy", name: "Heavy")
            try await database.pool.execute(
                "UPDATE institution SET weight = CASE id WHEN \(heavy) THEN 3 ELSE 1 END, concurrent_steps = NULL")
            let other = try await store.put(
                integration: "sync", name: "Sync", institution: heavy,
                settings: EngineDatabase.settings(canvas: "http://127.0.0.1:1"))
            for integration in [database.integration, other] {
                try await database.jobs.begin(
                    (0..<40).map { _ in JobRequest(.rosterSync, integration: integration, postedBy: "test") })
            }
            let dispatcher = dispatcher(database, publisher, batch: room)
            var rung = 0
            while rung < 40 { rung += try await dispatcher.ringBatch() }
            let ofHeavy = try await database.pool.query(
                "SELECT count(*)::int FROM outbox WHERE rung_at IS NOT NULL AND institution_id = \(heavy)")
            #expect(rung == 40)
            #expect(try #require(ofHeavy.first).decode(at: 0, as: Int.self) == 30)
        }
    }

    @Test func `without a broker every bell stays`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let publisher = StepPublisher(
                configuration: RabbitMQConfiguration(hosts: [.init("127.0.0.1", port: 1)]), topology: BrokerTopology(),
                limits: RabbitMQPublisherLimits(connectionTimeout: .milliseconds(300)), logger: EngineDatabase.logger)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await publisher.run() }
                defer { group.cancelAll() }
                await #expect(throws: BrokerError.self) { try await dispatcher(database, publisher).ringBatch() }
            }
            #expect(try await database.bells() == [StepID(job: job, ordinal: 1)])
        }
    }

    @Test func `a bell without a queue comes back and stays, and does not hold up the others`() async throws {
        try await withDispatcher { database, broker, topology, publisher, consumer in
            let queue = topology.queue(for: .convert)
            try await RabbitMQAdministration.with(broker) { _ = try await $0.delete(queue: queue) }
            // A full batch of bells that nobody can hear stands before the one that somebody can.
            for _ in 0..<3 {
                let job = try await database.begin()
                try await database.end(try await database.claim(job).lease, .complete, as: .completed)
            }
            let stuck = try await database.bells()
            #expect(stuck.map(\.ordinal) == [2, 2, 2])
            let good = try await database.begin()
            let dispatcher = dispatcher(database, publisher, batch: 3)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await dispatcher.run() }
                defer { group.cancelAll() }
                #expect(try await heard(consumer, atLeast: 1) == [StepID(job: good, ordinal: 1)])
                try await eventually("only those without a queue are left") {
                    Set(try await database.bells()) == Set(stuck)
                }
                try await topology.create(broker)
                try await eventually("they ring once the queue is there") { try await database.bells().isEmpty }
            }
            try await eventually("the queue holds them") {
                let depths = try await QueueDepth.read(broker, topology: topology)
                return depths.first { $0.kind == .convert }?.ready == 3
            }
        }
    }

    @Test func `two dispatchers at once ring every bell and leave none`() async throws {
        try await withDispatcher { database, _, _, publisher, consumer in
            try await database.pool.execute("UPDATE institution SET concurrent_steps = NULL")
            try await database.jobs.begin(
                (0..<400).map { _ in JobRequest(.rosterSync, integration: database.integration, postedBy: "test") })
            let expected = Set(try await database.bells())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 { group.addTask { try await dispatcher(database, publisher, batch: 30).run() } }
                defer { group.cancelAll() }
                var missing = expected
                while !missing.isEmpty { missing.subtract(try await heard(consumer, atLeast: 1)) }
                try await eventually("the outbox is empty") { try await database.bells().isEmpty }
            }
        }
    }

    /// Between two looks of a dispatcher that is to hear the database.
    private let rare = Duration.seconds(600)

    /// A dispatcher that looks by itself only once in ten minutes, and hears the database.
    private func whileListening(
        _ database: EngineDatabase, _ publisher: StepPublisher, dispatchers: Int = 1,
        _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<dispatchers {
                let listener = PostgresListener(
                    configuration: database.configuration, channels: [OutboxStore.channel],
                    logger: EngineDatabase.logger)
                let dispatcher = DispatcherService(
                    database: database.pool,
                    notices: listener.notifications.map { OutboxNotice(payload: $0.payload) }, publisher: publisher,
                    configuration: DispatcherConfiguration(interval: rare, pause: .milliseconds(300)),
                    logger: EngineDatabase.logger)
                group.addTask { try await listener.run() }
                group.addTask { try await dispatcher.run() }
            }
            defer { group.cancelAll() }
            try await eventually("all listen and live") {
                try await database.pool.query(
                    """
                    SELECT (SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'
                        AND datname = current_database()) = \(dispatchers)
                        AND (SELECT count(*) FROM dispatcher) = \(dispatchers) AS ready
                    """
                ).first?.decode("ready", as: Bool.self) == true
            }
            try await body()
        }
    }

    @Test func `a new bell is rung at the database's call, long before the next look`() async throws {
        try await withDispatcher { database, _, _, publisher, consumer in
            try await whileListening(database, publisher) {
                let begin = ContinuousClock.now
                let job = try await database.begin()
                #expect(try await heard(consumer, atLeast: 1) == [StepID(job: job, ordinal: 1)])
                #expect(ContinuousClock.now - begin < rare / 4)
            }
        }
    }

    @Test(arguments: [1, 2])
    func `without limits a bell rings before its ticket is marked, once, whoever else dispatches`(
        dispatchers: Int
    ) async throws {
        try await withDispatcher { database, _, _, publisher, consumer in
            try await database.pool.execute("UPDATE institution SET concurrent_steps = NULL")
            try await whileListening(database, publisher, dispatchers: dispatchers) {
                var begun: [StepID] = []
                var rung: [StepID] = []
                for _ in 0..<5 {
                    begun.append(StepID(job: try await database.begin(), ordinal: 1))
                    rung += try await heard(consumer, atLeast: 1)
                }
                #expect(rung == begun)
                #expect(Set(try await database.bells()) == Set(begun), "nobody looks")
                _ = try await database.claim(begun[0].job)
                #expect(Set(try await database.bells()) == Set(begun.dropFirst()), "the claim marks it")
                // Two at once ask for a look, which marks those that have rung, and rings the two.
                let requests = (0..<2).map { _ in
                    JobRequest(.rosterSync, integration: database.integration, postedBy: "test")
                }
                try await database.jobs.begin(requests)
                try await eventually("all are marked") { try await database.bells().isEmpty }
                var late: [StepID] = []
                while !requests.allSatisfy({ late.contains(StepID(job: $0.id, ordinal: 1)) }) {
                    late += try await heard(consumer, atLeast: 1)
                }
                // Who rang the others knows them; where another one looks first, they ring once more.
                if dispatchers == 1 { #expect(late.count == 2) }
                #expect(Set(late).isSubset(of: begun.dropFirst() + requests.map { StepID(job: $0.id, ordinal: 1) }))
            }
        }
    }

    @Test func `a bell that rang early and was handed back rings again`() async throws {
        try await withDispatcher { database, _, _, publisher, consumer in
            try await database.pool.execute("UPDATE institution SET concurrent_steps = NULL")
            try await whileListening(database, publisher) {
                let step = StepID(job: try await database.begin(), ordinal: 1)
                #expect(try await heard(consumer, atLeast: 1) == [step])
                // A worker without a free slot.
                try await OutboxStore(database.pool).putBack([step], after: .zero)
                try await database.pool.execute("SELECT pg_notify('\(unescaped: OutboxStore.channel)', '')")
                #expect(try await heard(consumer, atLeast: 1) == [step])
            }
        }
    }

    /// As if the answer to a look had been lost after its commit.
    @Test(arguments: [true, false])
    func `what a look may have marked before it failed rings again, by this dispatcher or the next`(
        isAlive: Bool
    ) async throws {
        try await withDispatcher { database, _, _, publisher, consumer in
            let step = StepID(job: try await database.begin(), ordinal: 1)
            // Looks fail, and what is put back is not touched.
            try await database.pool.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; RETURN NULL; END'")
            try await database.pool.execute(
                """
                CREATE TRIGGER refuse AFTER UPDATE ON outbox FOR EACH ROW
                WHEN (NEW.rung_at IS NOT NULL AND NEW.rings > OLD.rings) EXECUTE FUNCTION refuse()
                """)
            let recorder = LogRecorder()
            let dispatcher = DispatcherService(
                database: database.pool, notices: AsyncStream(unfolding: silence), publisher: publisher,
                configuration: DispatcherConfiguration(interval: isAlive ? .milliseconds(50) : rare),
                logger: recorder.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await dispatcher.run() }
                defer { group.cancelAll() }
                try await eventually("a look has failed") { !recorder.lines(from: .warning).isEmpty }
                try await eventually("it is known, and the ticket marked in its name") {
                    try await database.pool.execute(
                        "UPDATE outbox SET rung_at = now(), rung_by = d.id FROM dispatcher d") == 1
                }
                if !isAlive {
                    group.cancelAll()
                    while !group.isEmpty { _ = await group.nextResult() }
                }
                try await eventually("it waits again") { try await database.bells() == [step] }
                try await database.pool.execute("DROP TRIGGER refuse ON outbox")
                if isAlive { #expect(try await heard(consumer, atLeast: 1) == [step]) }
            }
        }
    }

    @Test func `a bell that rang early and was refused rings once its queue is there`() async throws {
        try await withDispatcher { database, broker, topology, publisher, consumer in
            try await database.pool.execute("UPDATE institution SET concurrent_steps = NULL")
            let queue = topology.queue(for: .convert)
            try await RabbitMQAdministration.with(broker) { _ = try await $0.delete(queue: queue) }
            try await whileListening(database, publisher) {
                let request = JobRequest(
                    .rosterSync, integration: database.integration, postedBy: "test", steps: [.convert])
                try await database.jobs.begin([request])
                let good = try await database.begin()
                #expect(try await heard(consumer, atLeast: 1) == [StepID(job: good, ordinal: 1)])
                try await topology.create(broker)
                // Each asks for a look.
                try await eventually("it rings") {
                    try await database.pool.execute("SELECT pg_notify('\(unescaped: OutboxStore.channel)', '')")
                    let depths = try await QueueDepth.read(broker, topology: topology)
                    return depths.first { $0.kind == .convert }?.ready == 1
                }
                try await eventually("it is marked") { try await database.bells().isEmpty }
            }
        }
    }

    @Test func `an end lets the next step of an institution at its limit go, long before the next look`() async throws {
        try await withDispatcher { database, _, _, publisher, consumer in
            try await database.pool.execute("UPDATE institution SET concurrent_steps = 1")
            try await whileListening(database, publisher) {
                let requests = (0..<5).map { _ in
                    JobRequest(.rosterSync, integration: database.integration, postedBy: "test", steps: [.extract])
                }
                try await database.jobs.begin(requests)
                let begin = ContinuousClock.now
                var ran: [JobID] = []
                while ran.count < requests.count {
                    let steps = try await heard(consumer, atLeast: 1)
                    #expect(steps.count == 1)
                    let lease = try await database.claim(steps[0].job).lease
                    try await database.end(lease, .complete, as: .completed)
                    ran.append(steps[0].job)
                }
                #expect(ran == requests.map(\.id))
                #expect(ContinuousClock.now - begin < rare / 4)
            }
        }
    }
}

/// No bell ever rings by itself.
private func silence() async -> OutboxNotice? {
    try? await Task.sleep(for: .seconds(3600))
    return nil
}
