import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
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
                old, from: .step(.importBatch), by: "mara", reason: "Canvas is back.")
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
            let job = try await OperatorActions(database.pool).runAgain(
                old, from: .step(.extract), by: "m", reason: "r")
            let new = try await database.details(job)
            #expect(new.steps.map(\.state) == [.queued, .pending, .pending] && new.artifacts.isEmpty)
        }
    }

    @Test func `a job that goes on, and a step that nothing leads to, are refused`() async throws {
        try await EngineDatabase.with { database in
            let actions = OperatorActions(database.pool)
            let running = try await database.begin()
            let early = await #expect(throws: StorageError.self) {
                try await actions.runAgain(running, from: .step(.extract), by: "m", reason: "r")
            }
            #expect(early?.code == .refused)
            try await database.end(try await database.claim(running).lease, .fail, as: .failed)
            let open = await #expect(throws: StorageError.self) {
                try await actions.runAgain(running, from: .step(.convert), by: "m", reason: "r")
            }
            #expect(open?.message.contains("has not ended well") == true)
            let nobody = await #expect(throws: StorageError.self) {
                try await actions.runAgain(.random(), from: .step(.convert), by: "m", reason: "r")
            }
            #expect(nobody?.code == .notFound)
            #expect(try await AuditStore(database.pool).head() == nil)
        }
    }

    /// A job whose import Canvas ended with a list of refused rows.
    private func warned(_ database: EngineDatabase, also: [ArtifactRecord] = []) async throws -> JobID {
        let job = try await database.begin()
        try await database.complete(job, before: 2)
        try await database.end(
            try await database.claim(job, 2).lease, .complete, as: .completed, result: StepResult(artifacts: [file]))
        let lease = try await database.claim(job, 3).lease
        #expect(try await database.imports.intend(1, lease: lease, fileName: "a.zip", sha256: file.sha256))
        _ = try await database.imports.submitted(
            1, lease: lease, canvasID: "7", adopted: false, workflowState: "created", nextPollAt: Date())
        try await database.end(lease, .await, as: .waiting, result: StepResult(artifacts: also))
        try await database.end(
            lease, .completeWithWarnings, as: .completed, from: .waiting, result: StepResult(artifacts: [list]))
        return job
    }

    private let list = ArtifactRecord(
        name: "canvas-errors.csv", mediaType: "text/csv", bytes: 4, sha256: [UInt8](repeating: 9, count: 32))

    private func renamed(_ record: ArtifactRecord, _ name: String) -> ArtifactRecord {
        ArtifactRecord(name: name, mediaType: record.mediaType, bytes: record.bytes, sha256: record.sha256)
    }

    @Test func `for the refused rows, a new job begins at its import with the list of the old one`() async throws {
        try await EngineDatabase.with { database in
            let old = try await warned(database)
            #expect(try await database.details(old).listsRefusedRows)
            let job = try await OperatorActions(database.pool).runAgain(
                old, from: .refusedRows, by: "mara", reason: "Mended.")
            let new = try await database.details(job)
            #expect(new.steps.map(\.state) == [.completed, .completed, .queued])
            #expect(new.steps[2].reason == "Only the rows that Canvas refused in job \(old).")
            #expect(try await database.jobs.artifacts(of: job, step: .convert) == [file])
            #expect(
                try await database.jobs.artifacts(of: job, step: .importBatch) == [renamed(list, "refused-rows.csv")])
            #expect(try await database.details(old).artifacts.map(\.name) == ["canvas.zip", "canvas-errors.csv"])
            let entry = try #require(try await AuditStore(database.pool).rows().rows.first)
            #expect(entry.after?.contains(#""rows": "refused""#) == true && entry.subject == "job \(old)")
        }
    }

    @Test func `what an import of refused rows sent goes along with its list`() async throws {
        try await EngineDatabase.with { database in
            let sent = renamed(file, "refused-rows.zip")
            let old = try await warned(database, also: [sent, renamed(list, "refused-rows.csv")])
            let job = try await OperatorActions(database.pool).runAgain(
                old, from: .refusedRows, by: "mara", reason: "Mended.")
            #expect(
                try await database.jobs.artifacts(of: job, step: .importBatch) == [
                    renamed(sent, "refused-from.zip"), renamed(list, "refused-rows.csv"),
                ])
            let whole = try await OperatorActions(database.pool).runAgain(
                old, from: .step(.importBatch), by: "mara", reason: "All of it.")
            #expect(try await database.jobs.artifacts(of: whole, step: .importBatch).isEmpty)
        }
    }

    @Test func `without a list, or while the job goes on, the refused rows are refused`() async throws {
        try await EngineDatabase.with { database in
            let actions = OperatorActions(database.pool)
            let plain = try await failed(database)
            let none = await #expect(throws: StorageError.self) {
                try await actions.runAgain(plain, from: .refusedRows, by: "m", reason: "r")
            }
            #expect(none?.code == .refused && none?.message.contains("--from import") == true)
            #expect(try await !database.details(plain).listsRefusedRows)
            let running = try await database.begin()
            let early = await #expect(throws: StorageError.self) {
                try await actions.runAgain(running, from: .refusedRows, by: "m", reason: "r")
            }
            #expect(early?.code == .refused && early?.message.contains("has not ended") == true)
            #expect(try await AuditStore(database.pool).head() == nil)
        }
    }

    @Test func `the list of an import before the last one is not taken for the last one's`() async throws {
        try await EngineDatabase.with { database in
            let old = try await warned(database)
            try await database.pool.execute(
                "UPDATE sis_import SET submitted_at = now() + interval '1 s' WHERE job_id = \(old.uuid)")
            #expect(try await !database.details(old).listsRefusedRows)
            let late = await #expect(throws: StorageError.self) {
                try await OperatorActions(database.pool).runAgain(old, from: .refusedRows, by: "m", reason: "r")
            }
            #expect(late?.code == .refused)
        }
    }
}
