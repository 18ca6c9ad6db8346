import Foundation
import LocalServers
import Logging
import Postgres
import Simulators
import Testing

/// Whole nights with real processes, and what may happen to them. The tests run one after the other: each hurts a part
/// of the one cluster.
@Suite(.serialized, .timeLimit(.minutes(5))) struct NightTests {
    /// Runs the body with a Canvas and a roster server of its own, and with the cluster.
    private func night(
        _ name: String, people: Int = 800, enrolments: Int = 5_000, canvas settings: CanvasSettings = Self.canvas,
        _ body: @escaping @Sendable (NightScene, CanvasSimulator, OneRosterServer) async throws -> Void
    ) async throws {
        let scene = try await NightScene.shared.value
        let logger = Logger(label: "simulator") { _ in SwiftLogNoOpLogHandler() }
        let canvas = try CanvasSimulator(settings: settings, logger: logger)
        let folder = try ScratchFolder()
        _ = try SyntheticDistrict(people: people, enrolments: enrolments).write(toZip: folder.path + "/roster.zip")
        let source = OneRosterServer(folder: folder.path, port: 0, token: nil, logger: logger)
        try await canvas.whileServing { canvasAddress in
            try await source.whileServing { sourceAddress in
                try await scene.apply(name, location: "\(sourceAddress)/rosters/roster.zip", canvas: canvasAddress)
                try await body(scene, canvas, source)
            }
        }
    }

    private static var canvas: CanvasSettings {
        var settings = CanvasSettings()
        settings.rowsPerSecond = 20_000
        return settings
    }

    /// What must hold however the night went: the job is complete, and Canvas got each import once.
    private func expectOneCompleteImport(_ scene: NightScene, _ canvas: CanvasSimulator, job: UUID) async throws {
        #expect(try await scene.waitForEnd(of: job) == "completed")
        #expect(canvas.imports.count == 1)
        #expect(canvas.imports.allSatisfy { $0.state == .imported })
        #expect(
            try await scene.count("SELECT count(*)::int FROM step WHERE job_id = \(job) AND state <> 'completed'") == 0)
        #expect(try await scene.count("SELECT count(*)::int FROM outbox WHERE job_id = \(job)") == 0)
        #expect(
            try await scene.count("SELECT count(*)::int FROM attempt WHERE job_id = \(job) AND outcome IS NULL") == 0)
    }

    @Test func `a schedule that is due becomes a finished Canvas import`() async throws {
        try await night("calm") { scene, canvas, _ in
            try await scene.cluster.start("worker", as: "calm")
            try await scene.makeDue("calm")
            let job = try await scene.waitForJob(of: "calm")
            try await expectOneCompleteImport(scene, canvas, job: job)
            #expect(try await scene.count("SELECT sum(rescues + failures)::int FROM step WHERE job_id = \(job)") == 0)
            #expect(canvas.objectCounts["enrollments"] == 5_000)
            try await scene.cluster.stop("calm")
        }
    }

    @Test func `a worker killed while it extracts loses nothing`() async throws {
        try await night("kill-extract") { scene, canvas, source in
            source.faults.pause = .seconds(30)
            try await scene.cluster.start("worker", as: "victim")
            try await scene.makeDue("kill-extract")
            let job = try await scene.waitForJob(of: "kill-extract")
            try await scene.waitUntilRunning("extract", of: job)
            try await scene.cluster.kill("victim")
            source.faults.pause = .zero
            try await scene.cluster.start("worker", as: "second")
            try await expectOneCompleteImport(scene, canvas, job: job)
            #expect(
                try await scene.count("SELECT rescues::int FROM step WHERE job_id = \(job) AND kind = 'extract'") >= 1)
            try await scene.cluster.stop("second")
        }
    }

    @Test func `a worker killed while it converts loses nothing`() async throws {
        try await night("kill-convert", people: 10_000, enrolments: 80_000) { scene, canvas, _ in
            try await scene.cluster.start("worker", as: "victim")
            try await scene.makeDue("kill-convert")
            let job = try await scene.waitForJob(of: "kill-convert")
            try await scene.waitUntilRunning("convert", of: job)
            try await scene.cluster.kill("victim")
            try await scene.cluster.start("worker", as: "second")
            try await expectOneCompleteImport(scene, canvas, job: job)
            #expect(
                try await scene.count("SELECT rescues::int FROM step WHERE job_id = \(job) AND kind = 'convert'") == 1)
            try await scene.cluster.stop("second")
        }
    }

    @Test func `a worker killed after Canvas took the import does not send it again`() async throws {
        try await night("kill-import") { scene, canvas, _ in
            canvas.faults.holdAnswerMilliseconds = 60_000
            try await scene.cluster.start("worker", as: "victim")
            try await scene.makeDue("kill-import")
            let job = try await scene.waitForJob(of: "kill-import")
            try await scene.waitUntilRunning("import", of: job)
            while canvas.imports.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            try await scene.cluster.kill("victim")
            canvas.faults.holdAnswerMilliseconds = 0
            try await scene.cluster.start("worker", as: "second")
            try await expectOneCompleteImport(scene, canvas, job: job)
            #expect(try await scene.count("SELECT adopted::int FROM sis_import WHERE job_id = \(job)") == 1)
            try await scene.cluster.stop("second")
        }
    }

    @Test func `a worker killed before its request arrived sends it, once`() async throws {
        try await night("kill-before") { scene, canvas, _ in
            canvas.faults.dropUploads = 1
            try await scene.cluster.start("worker", as: "victim")
            try await scene.makeDue("kill-before")
            let job = try await scene.waitForJob(of: "kill-before")
            _ = try await scene.wait(
                "the intent", "SELECT file_name FROM sis_import WHERE job_id = \(job) AND submissions = 1")
            try await scene.cluster.kill("victim")
            try await scene.cluster.start("worker", as: "second")
            try await expectOneCompleteImport(scene, canvas, job: job)
            try await scene.cluster.stop("second")
        }
    }

    @Test func `a broker that dies and comes back delays the night, no more`() async throws {
        try await night("broker", people: 10_000, enrolments: 80_000) { scene, canvas, _ in
            try await scene.cluster.start("worker", as: "worker")
            try await scene.makeDue("broker")
            let job = try await scene.waitForJob(of: "broker")
            try await scene.waitUntilRunning("convert", of: job)
            try await scene.cluster.rabbitMQ.kill()
            try await scene.cluster.rabbitMQ.restart()
            try await expectOneCompleteImport(scene, canvas, job: job)
            #expect(try await scene.count("SELECT sum(failures)::int FROM step WHERE job_id = \(job)") == 0)
            try await scene.cluster.stop("worker")
        }
    }

    @Test func `a database that dies and comes back delays the night, no more`() async throws {
        try await night("database", people: 10_000, enrolments: 80_000) { scene, canvas, _ in
            try await scene.cluster.start("worker", as: "worker")
            try await scene.makeDue("database")
            let job = try await scene.waitForJob(of: "database")
            try await scene.waitUntilRunning("convert", of: job)
            try await scene.cluster.postgres.kill()
            try await scene.cluster.postgres.restart()
            try await expectOneCompleteImport(scene, canvas, job: job)
            try await scene.cluster.stop("worker")
        }
    }
}
