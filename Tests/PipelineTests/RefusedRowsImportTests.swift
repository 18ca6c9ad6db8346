import Artifacts
import EngineTestSupport
import Foundation
import Jobs
import Pipeline
import Simulators
import Storage
import TestSupport
import Testing

/// "Run again the refused rows only", against the simulated Canvas, whose own list of errors decides.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct RefusedRowsImportTests {
    private static let userHeader = "user_id,login_id,full_name,status\n"
    private static let enrollmentHeader = "section_id,user_id,role,status\n"
    /// Record 2 has three lines, so that whoever counts lines sends the wrong rows.
    private static let users =
        userHeader + "u1,ana,\"Ana\nof\nthe Hill\",active\n" + "u2,ben,\"Ben \"\"B\"\", Jr\",odd\n"
        + "u3,cleo,Cleo,active\n" + "u4,dan,Dan,strange\n" + "u5,eve,Eve,active\n"
    private static let enrollments = enrollmentHeader + "s1,u1,student,active\n" + "s1,u3,student,active\n"
    private static let courses = "course_id,short_name,long_name,status\nc1,C,Course,active\n"
    private static let sections = "section_id,course_id,name,status\ns1,c1,One,active\n"

    private let both = [("users.csv", users), ("enrollments.csv", enrollments)]

    /// A job of which Canvas refused rows.
    private func refused(_ scene: CanvasScene, _ tables: [(String, String)]) async throws -> JobID {
        let job = try await scene.converted(tables.map { (name: $0.0, text: $0.1) })
        try await scene.attempt(scene.importStep, job)
        try await scene.awaitCanvas(job)
        #expect(try await scene.database.details(job).listsRefusedRows)
        return job
    }

    private func again(_ job: JobID, _ scene: CanvasScene) async throws -> JobID {
        try await OperatorActions(scene.database.pool).runAgain(
            job, from: .refusedRows, by: "mara", reason: "The sections are there now.")
    }

    @Test func `the second import holds exactly the rows that Canvas refused, and each of them`() async throws {
        try await CanvasScene.with { scene in
            let old = try await refused(scene, both)
            let job = try await again(old, scene)
            #expect(try await scene.database.step(job, 3).reason == "Only the rows that Canvas refused in job \(old).")
            guard case .waiting(let result) = try await scene.attempt(scene.importStep, job) else {
                Issue.record("it does not wait")
                return
            }
            #expect(
                result.reason == "Canvas has it as SIS import 2. It holds the 4 rows that Canvas refused.")
            #expect(result.counts == ["sent.users": 2, "sent.enrollments": 2, "rows.unplaced": 0])
            let name = BatchName(job: job, batch: 1)
            #expect(
                try scene.lastUpload() == [
                    name.fileName("users.csv"):
                        Self.userHeader + "u2,ben,\"Ben \"\"B\"\", Jr\",odd\nu4,dan,Dan,strange\n",
                    name.fileName("enrollments.csv"): Self.enrollments,
                ])
            #expect(scene.simulator.imports.map(\.upload?.fileName).last == name.archive)
            let files = try await scene.database.jobs.artifacts(of: job, step: .importBatch)
            #expect(files.map(\.name) == ["refused-rows.csv", "refused-rows.zip"])
        }
    }

    @Test func `refused rows of an import that held only refused rows are counted in that import`() async throws {
        try await CanvasScene.with { scene in
            let second = try await again(try await refused(scene, both), scene)
            // Meanwhile somebody makes the section, so that the enrolments are taken.
            let mended = try await scene.converted([("courses.csv", Self.courses), ("sections.csv", Self.sections)])
            try await scene.attempt(scene.importStep, mended)
            try await scene.awaitCanvas(mended)
            try await scene.attempt(scene.importStep, second)
            try await scene.awaitCanvas(second)
            #expect(scene.simulator.objectCounts["enrollments"] == 2)
            let third = try await again(second, scene)
            try await scene.attempt(scene.importStep, third)
            #expect(
                try scene.lastUpload() == [
                    BatchName(job: third, batch: 1).fileName("users.csv"):
                        Self.userHeader + "u2,ben,\"Ben \"\"B\"\", Jr\",odd\nu4,dan,Dan,strange\n"
                ])
        }
    }

    @Test func `an attempt after a lost answer finds the import by its own files`() async throws {
        try await CanvasScene.with { scene in
            let job = try await again(try await refused(scene, both), scene)
            scene.simulator.faults.dropAfterAccepting = 1
            await #expect(throws: StepFailure.self) { try await scene.attempt(scene.importStep, job) }
            try await eventually("Canvas has begun with it") { scene.simulator.imports.last?.state.isTerminal == true }
            try await scene.attempt(scene.importStep, job)
            #expect(scene.simulator.imports.count == 2)
            #expect(try await scene.database.details(job).imports.map(\.adopted) == [true])
        }
    }

    @Test func `a step that is run again sends the same archive as a batch of its own`() async throws {
        try await CanvasScene.with { scene in
            let job = try await again(try await refused(scene, both), scene)
            scene.simulator.faults.crashImports = 1
            try await scene.attempt(scene.importStep, job)
            try await scene.awaitCanvas(job)
            #expect(try await scene.database.step(job, 3).errorCode == "canvas.failed")
            _ = try await OperatorActions(scene.database.pool).retry(job, by: "mara", reason: "Again.")
            try await scene.attempt(scene.importStep, job)
            let uploads = scene.simulator.imports.compactMap(\.upload)
            #expect(uploads.count == 3 && uploads[1].sha256 == uploads[2].sha256)
            #expect(uploads[2].fileName == BatchName(job: job, batch: 2).archive)
        }
    }

    @Test func `lines that name no row are told, and leave the other rows to be sent`() async throws {
        try await CanvasScene.with { scene in
            scene.simulator.faults.inventErrors = 3
            let old = try await refused(scene, both)
            scene.simulator.faults.inventErrors = 0
            let job = try await again(old, scene)
            guard case .waiting(let result) = try await scene.attempt(scene.importStep, job) else {
                Issue.record("it does not wait")
                return
            }
            #expect(
                result.reason?.hasSuffix("3 lines of Canvas's list name no row that could be sent again.") == true)
            try await scene.awaitCanvas(job)
            #expect(try await scene.database.step(job, 3).counts["rows.unplaced"] == 3)
        }
    }

    @Test func `a list that names no row at all fails with the way out`() async throws {
        try await CanvasScene.with { scene in
            scene.simulator.faults.inventErrors = 2
            let old = try await refused(scene, [("users.csv", Self.userHeader + "u1,ana,Ana,active\n")])
            let job = try await again(old, scene)
            let failure = await #expect(throws: StepFailure.self) { try await scene.attempt(scene.importStep, job) }
            #expect(failure?.code == "import.no_rows" && failure?.class == .permanent)
            #expect(failure?.message.contains("--from import") == true)
            #expect(scene.simulator.imports.count == 1)
        }
    }
}
