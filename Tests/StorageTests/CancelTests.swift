import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct CancelTests {
    @discardableResult
    private func cancel(_ job: JobID, in database: EngineDatabase) async throws -> Bool {
        try await database.pool.withTransaction {
            try await JobStore.cancel(job, by: "ana", reason: "Wrong file.", in: $0)
        }
    }

    @Test func `a job that nobody runs ends at once, with its tickets`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            #expect(try await cancel(job, in: database))
            let details = try await database.details(job)
            #expect(details.job.state == .cancelled)
            #expect(details.job.finishedAt != nil)
            #expect(details.steps.map(\.state) == [.cancelled, .cancelled, .cancelled])
            #expect(details.steps[0].reason == "Cancelled by ana: Wrong file.")
            #expect(try await database.bells().isEmpty)
            #expect(try await cancel(job, in: database) == false)
            #expect(
                try await database.steps.claim([StepID(job: job, ordinal: 1)], owner: "w", for: .seconds(9)).isEmpty)
        }
    }

    @Test func `a running step is told, and its own end ends the job`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let lease = try await database.claim(job).lease
            #expect(try await database.steps.cancelled(among: [lease]).isEmpty)
            #expect(try await cancel(job, in: database))
            #expect(try await database.details(job).job.state == .inProgress)
            #expect(try await database.steps.cancelled(among: [lease]) == [lease])
            #expect(try await database.steps.renew([lease], for: .seconds(30)).cancelled == [lease])
            #expect(try await database.end(lease, .cancel, as: .cancelled))
            let details = try await database.details(job)
            #expect(details.job.state == .cancelled)
            #expect(details.attempts.map(\.outcome) == ["cancelled"])
        }
    }

    @Test func `work that was done before it could stop counts, but nothing follows it`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let lease = try await database.claim(job).lease
            try await cancel(job, in: database)
            #expect(try await database.end(lease, .complete, as: .completed))
            let details = try await database.details(job)
            #expect(details.steps.map(\.state) == [.completed, .cancelled, .cancelled])
            #expect(details.job.state == .cancelled)
            #expect(try await database.bells().isEmpty)
        }
    }

    @Test(arguments: [StepEvent.interrupt, .retry, .await, .hold])
    func `a step that would go on is cancelled instead`(event: StepEvent) async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let lease = try await database.claim(job).lease
            try await cancel(job, in: database)
            #expect(try await database.end(lease, event, as: .interrupted))
            let details = try await database.details(job)
            #expect(details.steps[0].state == .cancelled)
            #expect(details.job.state == .cancelled)
            #expect(details.job.finishedAt != nil)
            #expect(try await database.bells().isEmpty)
        }
    }

    @Test func `whoever does not stop loses its lease, and can write nothing from then on`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let other = try await database.claim(try await database.begin()).lease
            let lease = try await database.claim(job).lease
            try await cancel(job, in: database)
            #expect(try await database.steps.fenceCancelled(after: .seconds(10)).isEmpty)
            try await database.pool.execute(
                "UPDATE step SET cancel_requested_at = now() - interval '11 s' WHERE job_id = \(job.uuid)")
            #expect(try await database.steps.fenceCancelled(after: .seconds(10)) == [lease.step])
            let before = try await database.details(job)
            #expect(before.job.state == .cancelled)
            #expect(before.attempts.map(\.outcome) == ["cancelled"])
            #expect(try await database.end(lease, .complete, as: .completed) == false)
            #expect(try await database.steps.save(checkpoint: "late", lease: lease) == false)
            #expect(try await database.imports.intend(1, lease: lease, fileName: "a", sha256: []) == false)
            #expect(try await database.details(job).steps == before.steps)
            #expect(try await database.step(other.step.job).state == .running)
        }
    }
}
