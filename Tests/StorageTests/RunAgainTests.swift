import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(1)))
struct RunAgainTests {
    private let file = ArtifactRecord(
        name: "canvas.zip", mediaType: "application/zip", bytes: 3, sha256: [UInt8](repeating: 7, count: 32))

    /// A job that failed in its import.
    private func failed(_ database: EngineDatabase) async throws -> JobID {
        let job = try await database.begin()
        try await database.end(
            try await database.claim(job, 1).lease, .complete, as: .completed,
            result: StepResult(counts: ["users.extracted": 5]))
        try await database.end(
            try await database.claim(job, 2).lease, .completeWithWarnings, as: .completed,
            result: StepResult(artifacts: [file]))
        try await database.end(try await database.claim(job, 3).lease, .fail, as: .failed) { $0.errorCode = "x" }
        return job
    }

    @Test func `a new job takes over what was done, and begins at the step`() async throws {
        try await EngineDatabase.with { database in
            let old = try await failed(database)
            let before = try await database.details(old)
            let job = try await OperatorActions(database.pool).runAgain(
                old, from: .importBatch, by: "mara", reason: "Canvas is back.")
            let new = try await database.details(job)
            #expect(new.steps.map(\.state) == [.completed, .completedWithWarnings, .queued])
            #expect(new.steps[0].reason == "Taken over from job \(old).")
            #expect(new.steps[0].counts == ["users.extracted": 5])
            #expect(try await database.jobs.artifacts(of: job, step: .convert) == [file])
            #expect(try await database.bells() == [StepID(job: job, ordinal: 3)])
            #expect(new.job.postedBy == "mara" && new.job.state == .inProgress)
            try await database.end(try await database.claim(job, 3).lease, .complete, as: .completed)
            #expect(try await database.details(job).job.state == .warning)
            // What happened once is not rewritten.
            let after = try await database.details(old)
            #expect(after.steps == before.steps && after.job == before.job && after.artifacts == before.artifacts)
            let entry = try #require(try await AuditStore(database.pool).rows().rows.first)
            #expect(entry.action == "job.run_again" && entry.subject == "job \(old)")
        }
    }

    @Test func `from its first step, a new job takes over nothing`() async throws {
        try await EngineDatabase.with { database in
            let old = try await failed(database)
            let job = try await OperatorActions(database.pool).runAgain(old, from: .extract, by: "m", reason: "r")
            let new = try await database.details(job)
            #expect(new.steps.map(\.state) == [.queued, .pending, .pending] && new.artifacts.isEmpty)
        }
    }

    @Test func `a job that goes on, and a step that nothing leads to, are refused`() async throws {
        try await EngineDatabase.with { database in
            let actions = OperatorActions(database.pool)
            let running = try await database.begin()
            let early = await #expect(throws: StorageError.self) {
                try await actions.runAgain(running, from: .extract, by: "m", reason: "r")
            }
            #expect(early?.code == .refused)
            try await database.end(try await database.claim(running).lease, .fail, as: .failed)
            let open = await #expect(throws: StorageError.self) {
                try await actions.runAgain(running, from: .convert, by: "m", reason: "r")
            }
            #expect(open?.message.contains("has not ended well") == true)
            let nobody = await #expect(throws: StorageError.self) {
                try await actions.runAgain(.random(), from: .convert, by: "m", reason: "r")
            }
            #expect(nobody?.code == .notFound)
            #expect(try await AuditStore(database.pool).head() == nil)
        }
    }
}
