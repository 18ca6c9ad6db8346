import EngineTestSupport
import Jobs
import Postgres
import Storage
import TestSupport
import Testing
import Worker

@Suite(.postgres, .rabbitMQ, .timeLimit(.minutes(5)))
struct StoppingTests {
    private func cancel(_ job: JobID, in scene: EngineScene) async throws {
        _ = try await scene.database.pool.withTransaction {
            try await JobStore.cancel(job, by: "ana", reason: "Wrong file.", in: $0)
        }
    }

    @Test func `a running step is stopped at the database's call, and its job is cancelled`() async throws {
        try await EngineScene.with { scene in
            let gate = Gate()
            let handlers = ToyHandler.all { _ in
                try await gate.pass()
                return .completed(StepResult())
            }
            let listener = PostgresListener(
                configuration: scene.database.configuration, channels: [JobStore.cancelChannel],
                logger: EngineDatabase.logger)
            var configuration = EngineScene.configuration()
            configuration.cancellationInterval = .seconds(3600)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await listener.run() }
                defer { group.cancelAll() }
                try await eventually("somebody listens") {
                    try await !scene.database.pool.query(
                        "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
                    ).isEmpty
                }
                let job = try await scene.database.begin()
                let calls = listener.notifications.map { _ in () }
                try await scene.withWorker(handlers, configuration, cancellations: calls) { _ in
                    try await eventually("it runs") { gate.inside == 1 }
                    try await cancel(job, in: scene)
                    try await scene.wait(for: job, to: .cancelled)
                    let details = try await scene.database.details(job)
                    #expect(details.steps.map(\.state) == [.cancelled, .cancelled, .cancelled])
                    #expect(details.attempts.map(\.outcome) == ["cancelled"])
                    #expect(details.attempts.first?.errorCode == "job.cancelled")
                }
            }
        }
    }

    @Test func `without a call it is seen at the next look`() async throws {
        try await EngineScene.with { scene in
            let gate = Gate()
            let handlers = ToyHandler.all { _ in
                try await gate.pass()
                return .completed(StepResult())
            }
            var configuration = EngineScene.configuration()
            configuration.cancellationInterval = .milliseconds(100)
            let job = try await scene.database.begin()
            try await scene.withWorker(handlers, configuration) { _ in
                try await eventually("it runs") { gate.inside == 1 }
                try await cancel(job, in: scene)
                try await scene.wait(for: job, to: .cancelled)
            }
        }
    }

    @Test func `a step that goes on after a rescue begins at its checkpoint`() async throws {
        try await EngineScene.with { scene in
            let gate = Gate()
            let handlers = ToyHandler.all { context in
                if context.lease.step.ordinal > 1 { return .completed(StepResult()) }
                guard context.checkpoint == "page 3" else {
                    try await context.save(checkpoint: "page 3")
                    try await gate.pass()
                    return .completed(StepResult())
                }
                return .completed(StepResult(counts: ["pages": 3]))
            }
            let job = try await scene.database.begin()
            try await scene.withWorker(handlers) { _ in
                try await eventually("it has saved") { gate.inside == 1 }
                // A renewal may come between this and the rescuer.
                try await eventually("it is rescued") {
                    try await scene.database.expire(StepID(job: job, ordinal: 1))
                    return try await scene.database.details(job).steps[0].rescues > 0
                }
                try await scene.wait(for: job, to: .completed)
                #expect(try await scene.database.step(job).counts == ["pages": 3])
            }
        }
    }

    @Test func `an ending that the database refuses harms none of its neighbours`() async throws {
        try await EngineScene.with { scene in
            let gate = Gate()
            let bad = try await scene.database.begin()
            let handlers = ToyHandler.all { context in
                try await gate.pass()
                let isBad = context.job.id == bad && context.lease.token == 1
                // No text of Postgres's may hold that character.
                return .completed(StepResult(reason: isBad ? "\u{0}" : "Fine."))
            }
            try await scene.withWorker(handlers, EngineScene.configuration(slots: 20)) { _ in
                var jobs = [bad]
                for _ in 0..<7 { jobs.append(try await scene.database.begin()) }
                try await eventually("all run") { gate.inside == 8 }
                gate.open()
                for job in jobs.dropFirst() { try await scene.wait(for: job, to: .completed) }
                try await scene.wait(for: bad, to: .failed)
                let details = try await scene.database.details(bad)
                #expect(details.attempts.map(\.outcome) == ["failed"])
                #expect(details.steps[0].errorCode == "step.result_refused")
                let message = try #require(details.steps[0].errorMessage)
                #expect(message.hasPrefix("The database refused to store what this step ended with (SQLSTATE "))
            }
        }
    }
}
