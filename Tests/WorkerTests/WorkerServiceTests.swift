import Broker
import EngineTestSupport
import FoundationEssentials
import Jobs
import LocalServers
import Logging
import NIOConcurrencyHelpers
import Postgres
import RabbitMQ
import Storage
import TestSupport
import Testing
import Worker

@Suite(.postgres, .rabbitMQ, .timeLimit(.minutes(5)))
struct WorkerServiceTests {
    @Test func `a job's steps run one after the other to the end, each with what it left behind`() async throws {
        try await EngineScene.with { scene in
            let order = NIOLockedValueBox<[Int16]>([])
            let handlers = ToyHandler.all { context in
                order.withLockedValue { $0.append(context.lease.step.ordinal) }
                context.progress.report(fraction: 0.5, counts: ["rows": 5])
                let file = ArtifactRecord(
                    name: "file.csv", mediaType: "text/csv", bytes: 3, sha256: Array(repeating: 1, count: 32))
                return .completed(StepResult(counts: ["done": 1], artifacts: [file]))
            }
            try await scene.withWorker(handlers) { _ in
                let job = try await scene.database.begin()
                try await scene.wait(for: job, to: .completed)
                let details = try await scene.database.details(job)
                #expect(details.steps.map(\.state) == [.completed, .completed, .completed])
                #expect(details.steps.map(\.percent) == [100, 100, 100])
                #expect(details.steps.allSatisfy { $0.counts["done"] == 1 })
                #expect(details.attempts.map(\.worker) == ["worker", "worker", "worker"])
                #expect(details.artifacts.map(\.ordinal) == [1, 2, 3])
                #expect(order.withLockedValue(\.self) == [1, 2, 3])
                try await eventually("the outbox is empty") { try await scene.database.bells().isEmpty }
            }
        }
    }

    @Test func `no more steps run at once than there are slots`() async throws {
        try await EngineScene.with { scene in
            let gate = Gate()
            let handlers = ToyHandler.all { context in
                if context.lease.step.ordinal == 1 { try await gate.pass() }
                return .completed(StepResult())
            }
            var jobs: [JobID] = []
            for _ in 0..<8 { jobs.append(try await scene.database.begin()) }
            try await scene.withWorker(handlers, EngineScene.configuration(slots: 3)) { [jobs] _ in
                try await eventually("the slots are full and all bells have rung") {
                    let isSilent = try await scene.database.bells().isEmpty
                    return gate.inside == 3 && isSilent
                }
                #expect(try await scene.database.queries.engineCounts().runningSteps == 3)
                gate.open()
                for job in jobs { try await scene.wait(for: job, to: .completed) }
                #expect(gate.most == 3)
                #expect(gate.entered == 8)
            }
        }
    }

    @Test func `a transient failure is tried again and costs a try, a wait costs none`() async throws {
        try await EngineScene.with { scene in
            let handlers = ToyHandler.all { context in
                guard context.lease.step.ordinal == 1 else { return .completed(StepResult()) }
                switch context.lease.token {
                case 1: throw StepFailure(.transient, code: "toy.broken", message: "Broken.")
                case 2: throw StepFailure(.throttled(until: Date()), code: "toy.throttled", message: "Slow down.")
                case 3: throw StepFailure(.postponed(until: Date()), code: "toy.early", message: "Not yet known.")
                default: return .completed(StepResult(counts: ["failures": Int64(context.failures)]))
                }
            }
            try await scene.withWorker(handlers) { _ in
                let job = try await scene.database.begin()
                try await scene.wait(for: job, to: .completed)
                let details = try await scene.database.details(job)
                let outcomes = details.attempts.filter { $0.ordinal == 1 }
                #expect(outcomes.map(\.outcome) == ["retry", "retry", "retry", "completed"])
                #expect(outcomes.map(\.errorCode) == ["toy.broken", "toy.throttled", "toy.early", nil])
                #expect(details.steps[0].failures == 1)
                #expect(details.steps[0].counts["failures"] == 1)
            }
        }
    }

    @Test(arguments: [StepFailure.Class.transient, .permanent])
    func `a failure that does not mend ends the job`(kind: StepFailure.Class) async throws {
        try await EngineScene.with { scene in
            let handlers = ToyHandler.all { context in
                context.progress.report(fraction: 0.62)
                try await eventually("the progress is written") {
                    try await scene.database.step(context.job.id).percent == 62
                }
                throw StepFailure(kind, code: "toy.broken", message: "Broken beyond repair.")
            }
            try await scene.withWorker(handlers) { _ in
                let job = try await scene.database.begin()
                try await scene.wait(for: job, to: .failed)
                let details = try await scene.database.details(job)
                #expect(details.steps.map(\.state) == [.failed, .pending, .pending])
                #expect(details.steps[0].percent == 62)
                #expect(details.steps[0].errorMessage == "Broken beyond repair.")
                #expect(details.attempts.count == (kind == .permanent ? 1 : 3))
            }
        }
    }

    @Test func `an error that is no step failure counts as transient`() async throws {
        struct Surprise: Error {}
        try await EngineScene.with { scene in
            let handlers = ToyHandler.all { context in
                if context.lease.token == 1 { throw Surprise() }
                return .completed(StepResult())
            }
            try await scene.withWorker(handlers) { _ in
                let job = try await scene.database.begin()
                try await scene.wait(for: job, to: .completed)
                let details = try await scene.database.details(job)
                #expect(details.attempts.first?.errorCode == "internal")
                #expect(details.attempts.count == 6)
            }
        }
    }

    @Test func `a doorbell that rings many times runs its step once`() async throws {
        try await EngineScene.with { scene in
            let runs = NIOLockedValueBox<[StepID: Int]>([:])
            let handlers = ToyHandler.all { context in
                runs.withLockedValue { $0[context.lease.step, default: 0] += 1 }
                return .completed(StepResult())
            }
            var jobs: [JobID] = []
            for _ in 0..<5 { jobs.append(try await scene.database.begin()) }
            let publisher = StepPublisher(configuration: scene.broker, topology: scene.topology, logger: scene.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await publisher.run() }
                defer { group.cancelAll() }
                try await eventually("the bell ringer is connected") { publisher.health.status == .connected }
                let bells = jobs.flatMap { job in
                    StepKind.allCases.enumerated().flatMap { ordinal, kind in
                        Array(repeating: StepMessage(job: job, ordinal: Int16(ordinal + 1), kind: kind), count: 4)
                    }
                }
                _ = try await publisher.publish(bells.map(StepPublication.init))
                try await scene.withWorker(handlers, EngineScene.configuration("one")) { [jobs] _ in
                    try await scene.withWorker(handlers, EngineScene.configuration("two")) { _ in
                        for job in jobs { try await scene.wait(for: job, to: .completed) }
                        try await eventually("every bell was heard") {
                            let depths = try await QueueDepth.read(scene.broker, topology: scene.topology)
                            let isSilent = try await scene.database.bells().isEmpty
                            return isSilent && depths.allSatisfy { $0.ready == 0 }
                        }
                    }
                }
            }
            #expect(runs.withLockedValue { $0.values.sorted() } == Array(repeating: 1, count: 15))
        }
    }

    @Test func `a step that is skipped, warned about or waits leaves the worker`() async throws {
        try await EngineScene.with { scene in
            let handlers: [any StepHandler] = [
                ToyHandler(.extract) { _ in .skipped(reason: "Nothing new.") },
                ToyHandler(.convert) { _ in .completedWithWarnings(StepResult(reason: "Two rows left out.")) },
                ToyHandler(.importBatch) { _ in .waiting(StepResult(reason: "Canvas has it.")) },
            ]
            try await scene.withWorker(handlers) { _ in
                let job = try await scene.database.begin()
                try await eventually("it waits") { try await scene.database.step(job, 3).state == .waiting }
                let details = try await scene.database.details(job)
                #expect(details.job.state == .inProgress)
                #expect(details.steps.map(\.state) == [.skipped, .completedWithWarnings, .waiting])
                #expect(details.steps.map(\.reason) == ["Nothing new.", "Two rows left out.", "Canvas has it."])
            }
        }
    }

    @Test func `a worker without a handler for a kind hands its steps back`() async throws {
        try await EngineScene.with { scene in
            let first = ToyHandler(.extract) { _ in .completed(StepResult()) }
            try await scene.withWorker([first]) { _ in
                let job = try await scene.database.begin()
                try await eventually("it was handed back") {
                    try await scene.database.details(job).attempts.contains { $0.outcome == "interrupted" }
                }
                #expect(try await scene.database.step(job, 2).failures == 0)
            }
        }
    }

    @Test func `a poison message goes to the dead letters and the others go on`() async throws {
        let recorder = LogRecorder()
        try await EngineScene.with(logger: recorder.logger) { scene in
            let local = try #require(RabbitMQServer.current).local
            for policy in scene.topology.policies { try await local.ctl(policy.commandArguments) }
            let stranger = RabbitMQPublisher(configuration: scene.broker, logger: EngineDatabase.logger)
            try await scene.withWorker(ToyHandler.all { _ in .completed(StepResult()) }) { _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await stranger.run() }
                    defer { group.cancelAll() }
                    try await eventually("it is connected") { stranger.health.status == .connected }
                    let poison = RabbitMQMessage(
                        exchange: scene.topology.stepExchange, routingKey: "extract", body: Array("poison".utf8))
                    #expect(try await stranger.publish([poison, poison]) == [.confirmed, .confirmed])
                }
                let job = try await scene.database.begin()
                try await scene.wait(for: job, to: .completed)
                try await eventually("both are among the dead letters") {
                    try await QueueDepth.read(scene.broker, topology: scene.topology)
                        .contains { $0.kind == nil && $0.ready == 2 }
                }
            }
            for policy in scene.topology.policies { try await local.ctl(["clear_policy", policy.name]) }
        }
        #expect(recorder.lines(from: .error).count { $0 == "A message was put aside to the dead letters" } == 2)
    }
}
