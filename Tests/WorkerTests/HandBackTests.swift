import EngineTestSupport
import Jobs
import Storage
import TestSupport
import Testing
import Worker

@Suite(.postgres, .rabbitMQ, .timeLimit(.minutes(5)))
struct HandBackTests {
    @Test func `what waits in a busy worker is done by an idle one, and the busy one hears again later`() async throws {
        try await EngineScene.with { scene in
            let gate = Gate()
            let held = ToyHandler.all { _ in
                try await gate.pass()
                return .completed(StepResult())
            }
            var busy = EngineScene.configuration("busy", slots: 1)
            busy.handBack = .milliseconds(300)
            let first = try await scene.database.begin()
            try await scene.withWorker(held, busy) { _ in
                try await eventually("it runs") { gate.inside == 1 }
                let second = try await scene.database.begin()
                try await eventually("the bell of the second has rung") { try await scene.database.bells().isEmpty }
                let idle = ToyHandler.all { _ in .completed(StepResult()) }
                try await scene.withWorker(idle, EngineScene.configuration("idle")) { _ in
                    try await scene.wait(for: second, to: .completed)
                    #expect(Set(try await scene.database.details(second).attempts.map(\.worker)) == ["idle"])
                }
                gate.open()
                try await scene.wait(for: first, to: .completed)
                let third = try await scene.database.begin()
                try await scene.wait(for: third, to: .completed)
            }
        }
    }

    @Test func `a step's message is acknowledged while it runs, so that the next one comes`() async throws {
        try await EngineScene.with { scene in
            let gate = Gate()
            let held = ToyHandler.all { _ in
                try await gate.pass()
                return .completed(StepResult())
            }
            let jobs = [try await scene.database.begin(), try await scene.database.begin()]
            // The broker hands out one message, and no other before it is acknowledged.
            try await scene.withWorker(held, prefetch: 1) { _ in
                try await eventually("both run") { gate.inside == 2 }
                gate.open()
                for job in jobs { try await scene.wait(for: job, to: .completed) }
            }
        }
    }
}
