import Broker
import EngineTestSupport
import FoundationEssentials
import Glibc
import Jobs
import Logging
import Postgres
import Storage
import TestSupport
import Testing
import Worker

@Suite(.postgres, .rabbitMQ, .timeLimit(.minutes(5)))
struct LeaseTests {
    @Test func `a lease is renewed for as long as its step runs`() async throws {
        try await EngineScene.with { scene in
            let gate = Gate()
            let handlers = ToyHandler.all { _ in
                try await gate.pass()
                return .completed(StepResult())
            }
            var configuration = EngineScene.configuration()
            configuration.lease = .seconds(3)
            try await scene.withWorker(handlers, configuration) { _ in
                let job = try await scene.database.begin()
                try await eventually("it runs") { gate.inside == 1 }
                // Two leases long, with the rescuer at work all the while.
                let end = ContinuousClock.now + .seconds(6)
                try await eventually("time passes") { ContinuousClock.now >= end }
                #expect(gate.cancelled == 0)
                gate.open()
                try await scene.wait(for: job, to: .completed)
                let details = try await scene.database.details(job)
                #expect(details.steps.allSatisfy { $0.rescues == 0 })
                #expect(details.attempts.count == 3)
            }
        }
    }

    /// A server process that is stopped answers as a host does that the network has forgotten: not at all.
    @Test func `a connection that has died silently costs no lease`() async throws {
        try await EngineScene.with { scene in
            let name = "worker of its own"
            var own = scene.database.configuration
            own.applicationName = name
            try await PostgresPool.withPool(own, logger: EngineDatabase.logger) { pool in
                let gate = Gate()
                let handlers = ToyHandler.all { _ in
                    try await gate.pass()
                    return .completed(StepResult())
                }
                try await scene.withWorker(handlers, pool: pool) { _ in
                    let job = try await scene.database.begin()
                    try await eventually("it runs") { gate.inside == 1 }
                    let idle = try await scene.database.pool.query(
                        """
                        SELECT pid FROM pg_stat_activity WHERE application_name = \(name)
                            AND datname = current_database() ORDER BY state_change DESC LIMIT 1
                        """
                    ).map { try $0.decode("pid", as: Int32.self) }
                    for process in idle { kill(process, SIGSTOP) }
                    defer { for process in idle { kill(process, SIGCONT) } }
                    #expect(!idle.isEmpty)
                    // Two leases long, with the rescuer at work all the while.
                    let end = ContinuousClock.now + .seconds(12)
                    try await eventually("time passes") { ContinuousClock.now >= end }
                    #expect(gate.cancelled == 0)
                    gate.open()
                    try await scene.wait(for: job, to: .completed)
                    #expect(try await scene.database.details(job).steps.allSatisfy { $0.rescues == 0 })
                }
            }
        }
    }

    @Test func `work whose lease is lost stops, and writes nothing`() async throws {
        let recorder = LogRecorder()
        try await EngineScene.with(logger: recorder.logger) { scene in
            let gate = Gate()
            let handlers = ToyHandler.all { _ in
                // Does not throw when it is told to stop, and so tries to write a result under a lease of the past.
                try? await gate.pass()
                return .completed(StepResult(counts: ["stale": 1]))
            }
            try await scene.withWorker(handlers, EngineScene.configuration(slots: 1)) { _ in
                let job = try await scene.database.begin()
                let step = StepID(job: job, ordinal: 1)
                try await eventually("it runs") { gate.inside == 1 }
                try await eventually("another worker has it") {
                    try await scene.database.expire(step)
                    _ = try await scene.database.steps.rescue(rescueLimit: 10)
                    return try await !scene.database.steps.claim([step], owner: "other", for: .seconds(60)).isEmpty
                }
                try await eventually("it was told to stop") { gate.cancelled == 1 }
                try await eventually("it noticed") {
                    recorder.lines(from: .warning).contains("A step's lease was lost; its result was not written")
                }
                let details = try await scene.database.details(job)
                #expect(details.steps[0].state == .running)
                #expect(details.steps[0].worker == "other")
                #expect(details.steps[0].counts["stale"] == nil)
                #expect(details.attempts.map(\.outcome).contains("completed") == false)
            }
        }
    }

    @Test func `a worker that is gone is rescued from, and the next one finishes`() async throws {
        try await EngineScene.with { scene in
            let job = try await scene.database.begin()
            // Nobody renews this one.
            _ = try await scene.database.claim(job, owner: "crashed", for: .milliseconds(300))
            try await scene.withWorker(ToyHandler.all { _ in .completed(StepResult()) }) { _ in
                try await scene.wait(for: job, to: .completed)
            }
            let details = try await scene.database.details(job)
            #expect(details.steps[0].rescues == 1)
            #expect(details.steps[0].failures == 0)
            #expect(details.attempts.filter { $0.ordinal == 1 }.map(\.outcome) == ["rescued", "completed"])
        }
    }
}
