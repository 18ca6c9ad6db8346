import Broker
import EngineTestSupport
import Jobs
import LocalServers
import NIOConcurrencyHelpers
import Postgres
import RabbitMQ
import Storage
import TestSupport
import Testing
import Worker

/// Servers that go away in the middle of the work; so each test has its own.
@Suite(.timeLimit(.minutes(5)))
struct OutageTests {
    private func withOwnServers(
        _ body: @Sendable (EngineScene, LocalPostgres, LocalRabbitMQ) async throws -> Void
    ) async throws {
        async let startingPostgres = LocalPostgres.start()
        async let startingRabbitMQ = LocalRabbitMQ.start()
        let (postgres, rabbitMQ) = (try await startingPostgres, try await startingRabbitMQ)
        let broker = RabbitMQConfiguration(
            hosts: [.init(rabbitMQ.host, port: rabbitMQ.port)], user: rabbitMQ.user, password: rabbitMQ.password)
        try await EngineDatabase.with(
            PostgresConfiguration(
                host: postgres.host, port: postgres.port, database: postgres.database, user: postgres.user,
                tls: .disable)
        ) { database in
            try await EngineScene.with(database, broker) { try await body($0, postgres, rabbitMQ) }
        }
        try await rabbitMQ.stop()
        try await postgres.stop()
    }

    @Test func `the broker restarts, then Postgres crashes, in the middle of jobs, and all complete`() async throws {
        try await withOwnServers { scene, postgres, rabbitMQ in
            let gate = Gate()
            let completions = NIOLockedValueBox<[StepID: Int]>([:])
            let handlers = ToyHandler.all { context in
                if context.lease.step.ordinal == 2 { try await gate.pass() }
                completions.withLockedValue { $0[context.lease.step, default: 0] += 1 }
                return .completed(StepResult())
            }
            try await scene.withWorker(handlers, EngineScene.configuration(slots: 4)) { _ in
                var jobs: [JobID] = []
                for _ in 0..<6 { jobs.append(try await scene.database.begin()) }
                try await eventually("the second steps run") { gate.inside == 4 }
                try await rabbitMQ.restart()
                for _ in 0..<3 { jobs.append(try await scene.database.begin()) }
                try await postgres.kill()
                try await postgres.restart()
                gate.open()
                for job in jobs { try await scene.wait(for: job, to: .completed) }
                try await eventually("the outbox is empty") { try await scene.database.bells().isEmpty }
                #expect(completions.withLockedValue(\.count) == 27)
            }
        }
    }
}
