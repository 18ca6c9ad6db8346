import Artifacts
import Canvas
import EngineTestSupport
import FoundationEssentials
import ImportPolling
import Jobs
import Postgres
import Simulators
import Storage
import TestSupport
import Testing

/// Against the simulated Canvas and a real database.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct ImportPollingServiceTests {
    private static let good = "account_id,parent_account_id,name,status\nA1,,One,active\nA2,,Two,active\n"
    private static let faulty = "account_id,parent_account_id,name,status\nA1,,One,active\nA2,NOWHERE,Two,active\n"
    private static let foreign = "shoe,size\nleft,42\n"

    private func poller(_ scene: CanvasScene, interval: Duration = .milliseconds(10)) -> ImportPollingService {
        ImportPollingService(
            database: scene.database.pool, artifacts: scene.artifacts, client: scene.client,
            configuration: ImportPollingConfiguration(interval: interval, scratch: scene.folder + "/scratch"),
            logger: EngineDatabase.logger)
    }

    /// Polls until the import step has ended.
    private func ended(_ lease: StepLease, _ scene: CanvasScene) async throws -> JobDetailsView {
        let poller = poller(scene)
        try await eventually("the step ended") {
            _ = try await poller.pollDue()
            return try await scene.database.step(lease.step.job, 3).state.isEnd
        }
        return try await scene.database.details(lease.step.job)
    }

    /// Makes the next poll due now.
    private func makeDue(_ scene: CanvasScene) async throws {
        try await scene.database.pool.execute(
            "UPDATE sis_import SET next_poll_at = now() WHERE next_poll_at IS NOT NULL")
    }

    @Test func `an import that Canvas has done completes its job, with Canvas's counts`() async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.wait(for: Self.good)
            let details = try await ended(lease, scene)
            #expect(details.job.state == .completed)
            #expect(details.steps[2].state == .completed)
            #expect(details.steps[2].percent == 100)
            #expect(details.steps[2].counts["canvas.accounts"] == 2)
            #expect(details.steps[2].counts["canvas.Account.created"] == 2)
            let view = try #require(details.imports.first)
            #expect(view.workflowState == "imported")
            #expect(view.endedAt != nil)
            #expect(view.nextPollAt == nil)
            #expect(try await poller(scene).pollDue() == 0)
        }
    }

    @Test func `refused rows make a warning, and their list a file of the step`() async throws {
        try await CanvasScene.with {
            $0.errorsFileDelay = .milliseconds(300)
        } _: { scene in
            let lease = try await scene.wait(for: Self.faulty)
            let details = try await ended(lease, scene)
            #expect(details.job.state == .warning)
            #expect(details.steps[2].state == .completedWithWarnings)
            #expect(details.steps[2].reason?.contains("canvas-errors.csv") == true)
        }
    }

    @Test func `the list of refused rows can be read from the store`() async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.wait(for: Self.faulty)
            let file = try #require(try await ended(lease, scene).artifacts.first { $0.name == "canvas-errors.csv" })
            #expect(file.ordinal == 3)
            var bytes: [UInt8] = []
            for try await chunk in scene.artifacts.read(file.sha256) { bytes += chunk }
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.hasPrefix("sis_import_id,file,message,row\n"))
            #expect(text.contains("NOWHERE"))
            let left = try? FileManager.default.contentsOfDirectory(atPath: scene.folder + "/scratch")
            #expect(left?.isEmpty == true)
        }
    }

    @Test func `an import that Canvas could not read fails its job with the list`() async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.wait(for: Self.foreign)
            let details = try await ended(lease, scene)
            #expect(details.job.state == .failed)
            #expect(details.steps[2].errorCode == "canvas.failed_with_messages")
            #expect(details.artifacts.map(\.name) == ["canvas-errors.csv"])
        }
    }

    @Test func `an import that crashed in Canvas fails its job`() async throws {
        try await CanvasScene.with { scene in
            scene.simulator.faults.crashImports = 1
            let details = try await ended(try await scene.wait(for: Self.good), scene)
            #expect(details.job.state == .failed)
            #expect(details.steps[2].errorCode == "canvas.failed")
        }
    }

    @Test func `an import that somebody aborts fails its job and says that rows may stay`() async throws {
        try await CanvasScene.with {
            $0.startDelay = .seconds(3600)
        } _: { scene in
            let lease = try await scene.wait(for: Self.good)
            #expect(try await poller(scene).pollDue() == 1)
            let waiting = try await scene.database.step(lease.step.job, 3)
            #expect(waiting.state == .waiting)
            #expect(waiting.reason?.contains("one import at a time") == true)
            _ = try await scene.canvas.abortSISImport("1")
            let details = try await ended(lease, scene)
            #expect(details.steps[2].errorCode == "canvas.aborted")
            #expect(details.steps[2].errorMessage?.contains("already applied stay") == true)
        }
    }

    @Test(arguments: [401, 403, 429, 500, 503])
    func `a poll that Canvas refuses costs nothing, and its reason is a sentence`(status: Int) async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.wait(for: Self.good)
            scene.simulator.faults.failStatus = status
            scene.simulator.faults.failNext = 3
            for round in 1...3 {
                #expect(try await poller(scene, interval: .seconds(60)).pollDue() == 1)
                let details = try await scene.database.details(lease.step.job)
                #expect(details.job.state == .inProgress)
                #expect(details.steps[2].state == .waiting)
                #expect(details.steps[2].failures == 0)
                let reason = try #require(details.steps[2].reason)
                #expect(reason.hasPrefix("Canvas did not answer the last poll"), "round \(round)")
                #expect(reason.hasSuffix("."))
                #expect(!reason.contains("simulator-token"))
                #expect(try #require(details.imports.first?.nextPollAt) > Date())
                try await makeDue(scene)
            }
            #expect(try await ended(lease, scene).job.state == .completed)
        }
    }

    @Test func `Canvas's own time to wait is kept`() async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.wait(for: Self.good)
            scene.simulator.faults.failStatus = 503
            scene.simulator.faults.retryAfterSeconds = 120
            scene.simulator.faults.failNext = 1
            #expect(try await poller(scene).pollDue() == 1)
            let next = try #require(try await scene.database.details(lease.step.job).imports.first?.nextPollAt)
            #expect((100...130).contains(next.timeIntervalSinceNow))
        }
    }

    @Test func `an import that Canvas no longer knows fails after the third poll`() async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.wait(for: Self.good, as: "4711")
            for _ in 1...2 {
                #expect(try await poller(scene, interval: .seconds(60)).pollDue() == 1)
                #expect(try await scene.database.step(lease.step.job, 3).state == .waiting)
                try await makeDue(scene)
            }
            #expect(try await poller(scene).pollDue() == 1)
            let details = try await scene.database.details(lease.step.job)
            #expect(details.job.state == .failed)
            #expect(details.steps[2].errorCode == "canvas.import_gone")
            #expect(details.steps[2].errorMessage?.contains("4711") == true)
            #expect(details.imports.first?.nextPollAt == nil)
        }
    }

    @Test func `a token that cannot be read is told, and the wait goes on`() async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.wait(for: Self.good)
            scene.use(token: "")
            #expect(try await poller(scene).pollDue() == 1)
            let step = try await scene.database.step(lease.step.job, 3)
            #expect(step.state == .waiting)
            #expect(step.reason == "The token cannot be read.")
            scene.use(token: "simulator-token")
            #expect(try await ended(lease, scene).job.state == .completed)
        }
    }

    @Test func `settings that cannot be read stop nobody else's poll`() async throws {
        try await CanvasScene.with { scene in
            let broken = try await scene.wait(for: Self.good)
            try await scene.database.pool.execute(
                "UPDATE job SET settings = '{}' WHERE id = \(broken.step.job.uuid)")
            let good = try await scene.wait(for: Self.good)
            #expect(try await ended(good, scene).job.state == .completed)
            let step = try await scene.database.step(broken.step.job, 3)
            #expect(step.state == .waiting)
            #expect(step.reason?.contains("settings") == true)
        }
    }

    @Test func `two pollers ask about an import once in its interval`() async throws {
        try await CanvasScene.with {
            $0.startDelay = .seconds(3600)
        } _: { scene in
            for _ in 0..<5 { _ = try await scene.wait(for: Self.good) }
            let pollers = [poller(scene, interval: .seconds(60)), poller(scene, interval: .seconds(60))]
            let asked = try await withThrowingTaskGroup(of: Int.self) { group in
                for round in 0..<10 { group.addTask { try await pollers[round % 2].pollDue() } }
                return try await group.reduce(0, +)
            }
            #expect(asked == 5)
            let reads = scene.simulator.requests.filter { $0.method == "GET" }.map(\.path)
            #expect(reads.count == 5)
            #expect(Set(reads).count == 5)
        }
    }

    @Test func `the service polls by itself, more imports than it asks about at once`() async throws {
        try await CanvasScene.with { scene in
            var leases: [StepLease] = []
            for _ in 0..<5 { leases.append(try await scene.wait(for: Self.good)) }
            let service = ImportPollingService(
                database: scene.database.pool, artifacts: scene.artifacts, client: scene.client,
                configuration: ImportPollingConfiguration(
                    interval: .milliseconds(50), concurrency: 2, scratch: scene.folder + "/scratch"),
                logger: EngineDatabase.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                defer { group.cancelAll() }
                for lease in leases {
                    try await eventually("all complete") {
                        try await scene.database.queries.job(lease.step.job)?.state == .completed
                    }
                }
            }
        }
    }
}
