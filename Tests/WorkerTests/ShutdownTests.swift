import Broker
import EngineTestSupport
import Jobs
import Logging
import Storage
import TestSupport
import Testing
import Worker

@Suite(.postgres, .rabbitMQ, .timeLimit(.minutes(5)))
struct ShutdownTests {
    @Test func `a drain lets a short step finish and takes nothing new`() async throws {
        let recorder = LogRecorder()
        try await EngineScene.with(logger: recorder.logger) { scene in
            let gate = Gate()
            let handlers = ToyHandler.all { _ in
                try await gate.pass()
                return .completed(StepResult())
            }
            let running = try await scene.database.begin()
            try await scene.withWorker(handlers, EngineScene.configuration(slots: 1)) { worker in
                try await eventually("it runs") { gate.inside == 1 }
                let waiting = try await scene.database.begin()
                try await eventually("the bell of the second has rung") { try await scene.database.bells().isEmpty }
                await worker.beginShutdown()
                try await eventually("it has heard") {
                    recorder.lines(from: .info).contains("The worker takes nothing new")
                }
                gate.open()
                await worker.ended()
                let details = try await scene.database.details(running)
                #expect(details.steps.map(\.state) == [.completed, .queued, .pending])
                #expect(details.attempts.map(\.outcome) == ["completed"])
                #expect(gate.entered == 1)
                #expect(try await scene.database.step(waiting).state == .queued)
                try await eventually("what it heard and did not take is there for others") {
                    let depths = try await QueueDepth.read(scene.broker, topology: scene.topology)
                    return depths.first { $0.kind == .extract }?.ready == 1
                }
            }
        }
    }

    @Test func `a step that outlasts the drain is handed back at no cost, and goes on elsewhere`() async throws {
        try await EngineScene.with { scene in
            let gate = Gate()
            let handlers = ToyHandler.all { _ in
                try await gate.pass()
                return .completed(StepResult())
            }
            let job = try await scene.database.begin()
            // What would begin from here on comes later.
            let place = try await scene.database.now()
            let hasty = EngineScene.configuration("first", drain: .milliseconds(100))
            try await scene.withWorker(handlers, hasty) { worker in
                try await eventually("it runs") { gate.inside == 1 }
                await worker.beginShutdown()
                await worker.ended()
            }
            #expect(gate.cancelled == 1)
            let due = try #require(try await scene.database.dueAt(job))
            #expect(due <= place, "it does not go behind its institution's backlog")
            var details = try await scene.database.details(job)
            #expect(details.steps[0].state == .queued)
            #expect(details.steps[0].failures == 0)
            #expect(details.steps[0].rescues == 0)
            #expect(details.attempts.map(\.outcome) == ["interrupted"])
            gate.open()
            try await scene.withWorker(handlers, EngineScene.configuration("second")) { _ in
                try await scene.wait(for: job, to: .completed)
            }
            details = try await scene.database.details(job)
            #expect(details.attempts.map(\.worker) == ["first", "second", "second", "second"])
        }
    }

    @Test func `cancellation hands back what runs at once`() async throws {
        try await EngineScene.with { scene in
            let gate = Gate()
            let handlers = ToyHandler.all { _ in
                try await gate.pass()
                return .completed(StepResult())
            }
            let job = try await scene.database.begin()
            try await scene.withWorker(handlers, EngineScene.configuration(drain: .seconds(60))) { _ in
                try await eventually("it runs") { gate.inside == 1 }
            }
            let details = try await scene.database.details(job)
            #expect(details.attempts.map(\.outcome) == ["interrupted"])
            #expect(details.steps[0].state == .queued)
        }
    }
}
