import Broker
import EngineTestSupport
import Jobs
import LocalServers
import Logging
import Maintenance
import Postgres
import RabbitMQ
import Storage
import TestSupport
import Testing

@Suite(.postgres, .rabbitMQ, .timeLimit(.minutes(5)))
struct FailureGroupingTests {
    private func failed(_ database: EngineDatabase, _ message: String) async throws {
        let lease = try await database.claim(try await database.begin()).lease
        try await database.end(lease, .fail, as: .failed) {
            $0.errorCode = "x"
            $0.errorMessage = message
        }
    }

    private func run(_ services: [any MaintenanceRunning], _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services { group.addTask { try await service.run() } }
            defer { group.cancelAll() }
            try await body()
        }
    }

    @Test func `maintenance groups what failed, and carries on what somebody began`() async throws {
        try await EngineDatabase.with { database in
            for row in 1...3 { try await failed(database, "Row \(row) is broken.") }
            let service = MaintenanceService(
                database: database.pool, configuration: MaintenanceConfiguration(interval: .milliseconds(50)),
                logger: EngineDatabase.logger)
            try await run([service]) {
                let store = DeadStore(database.pool)
                try await eventually("they are one group") { try await store.groups().rows.map(\.members) == [3] }
                let group = try #require(try await store.groups().rows.first)
                // As if whoever began it had died before its first batch.
                try await database.pool.execute(
                    """
                    INSERT INTO dead_action (group_id, verb, actor, reason, total)
                    VALUES (\(group.id), 'retry', 'mara', 'Again.', 3)
                    """)
                try await eventually("they are queued") { try await database.bells().count == 3 }
                try await eventually("the order is finished") {
                    let action = try await store.actions(of: group.id).first
                    return action?.done == 3 && action?.finishedAt != nil
                }
            }
        }
    }

    @Test func `what the broker put aside is stored, and leaves its queue`() async throws {
        let server = try #require(RabbitMQServer.current)
        let configuration = RabbitMQConfiguration(
            hosts: [.init(server.host, port: server.port)], user: server.user, password: server.password)
        let topology = BrokerTopology(prefix: RabbitMQServer.prefix() + "rosterline")
        try await topology.create(configuration)
        let local = try #require(RabbitMQServer.current).local
        for policy in topology.policies { try await local.ctl(policy.commandArguments) }
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let logger = EngineDatabase.logger
            let publisher = StepPublisher(configuration: configuration, topology: topology, logger: logger)
            let workers = StepConsumer(
                configuration: configuration, topology: topology, kinds: [.extract], prefetch: 1, logger: logger)
            let letters = DeadLetterConsumer(configuration: configuration, topology: topology, logger: logger)
            let drain = DeadLetterDrain(letters: letters, database: database.pool, logger: logger)
            // The first of two is none that the database takes.
            let bad = JobID.random()
            try await database.pool.execute(
                "ALTER TABLE dead_message ADD CHECK (job_id IS DISTINCT FROM '\(unescaped: bad.description)')")
            try await run([publisher, workers]) {
                try await eventually("both are connected") {
                    publisher.health.status == .connected && workers.health.status == .connected
                }
                for dead in [bad, job] {
                    _ = try await publisher.publish(
                        [StepPublication(StepMessage(job: dead, ordinal: 1, kind: .extract))])
                    let delivery = try #require(try await workers.nextBatch(max: 1).first)
                    try await workers.reject(delivery, requeue: false)
                }
            }
            try await run([letters, drain]) {
                let store = DeadStore(database.pool)
                try await eventually("it is stored") { try await store.groups().rows.count == 1 }
                let group = try #require(try await store.groups().rows.first)
                #expect(group.source == .message && group.code == "rejected")
                let message = try #require(try await store.messages(of: group.id).rows.first)
                #expect(message.step == StepID(job: job, ordinal: 1))
                #expect(message.remark == "Its step is still queued, and is rung for again by itself.")
            }
        }
        for policy in topology.policies { try await local.ctl(["clear_policy", policy.name]) }
        try await topology.delete(configuration)
    }
}

/// Whatever can be run beside a test.
private protocol MaintenanceRunning: Sendable {
    func run() async throws
}

extension MaintenanceService: MaintenanceRunning {}
extension DeadLetterDrain: MaintenanceRunning {}
extension DeadLetterConsumer: MaintenanceRunning {}
extension StepPublisher: MaintenanceRunning {}
extension StepConsumer: MaintenanceRunning {}
