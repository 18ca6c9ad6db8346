import Archives
import Artifacts
import EngineTestSupport
import Foundation
import Jobs
import NIOPosix
import Pipeline
import Simulators
import Storage
import TestSupport
import Testing

/// The step that hands files to Canvas, against the simulated Canvas: whatever gets lost, Canvas holds one import.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct ImportStepTests {
    private struct Silent: Jobs.ProgressReporting {
        func report(fraction: Double, counts: [String: Int64]) {}
    }

    private func step(_ scene: CanvasScene, settle: Duration = .seconds(75)) -> ImportStep {
        ImportStep(
            jobs: scene.database.jobs, imports: scene.database.imports, artifacts: scene.artifacts,
            work: HeavyWork(threads: .singleton), client: scene.client,
            configuration: PipelineConfiguration(scratch: scene.folder + "/scratch", settle: settle))
    }

    /// A job whose conversion left an archive, as far as its import step.
    private func job(_ scene: CanvasScene) async throws -> JobID {
        let job = try await scene.database.begin()
        try await scene.database.complete(job, before: 2)
        let lease = try await scene.database.claim(job, 2).lease
        let path = "\(scene.folder)/\(job).zip"
        var archive = try ZipWriter(path: path)
        let rows = "account_id,parent_account_id,name,status\nA1,,One,active\n"
        try archive.add(bytes: Array(rows.utf8), as: BatchName(job: job, batch: 1).fileName("accounts.csv"))
        try archive.finish()
        let stored = try await scene.artifacts.put(fileAt: path)
        let record = ArtifactRecord(
            name: "canvas.zip", mediaType: "application/zip", bytes: stored.bytes, sha256: stored.sha256)
        try await scene.database.end(lease, .complete, as: .completed, result: StepResult(artifacts: [record]))
        return job
    }

    /// Runs an attempt at the import step, and writes down what the engine would.
    private func attempt(_ job: JobID, _ scene: CanvasScene, settle: Duration = .seconds(75)) async throws
        -> StepOutcome
    {
        let claim = try await scene.database.claim(job, 3)
        let context = StepContext(
            lease: claim.lease, job: claim.job, failures: claim.failures, rescues: claim.rescues, progress: Silent(),
            logger: EngineDatabase.logger)
        do {
            let outcome = try await step(scene, settle: settle).run(context)
            try await scene.database.end(claim.lease, .await, as: .waiting)
            return outcome
        } catch {
            try await scene.database.end(claim.lease, .interrupt, as: .interrupted) { $0.runAfter = Date() }
            throw error
        }
    }

    private func failure(_ body: () async throws -> StepOutcome) async throws -> StepFailure {
        do {
            let outcome = try await body()
            Issue.record("it did not fail but gave \(outcome)")
            throw CancellationError()
        } catch let failure as StepFailure {
            return failure
        }
    }

    private func batch(_ job: JobID, _ scene: CanvasScene) async throws -> ImportStore.Batch {
        let step = StepID(job: job, ordinal: 3)
        return try #require(try await scene.database.imports.batch(1, of: step))
    }

    @Test func `an archive becomes one import that the poller will ask about`() async throws {
        try await CanvasScene.with { scene in
            let job = try await job(scene)
            guard case .waiting(let result) = try await attempt(job, scene) else {
                Issue.record("it does not wait")
                return
            }
            #expect(result.reason == "Canvas has it as SIS import 1.")
            #expect(scene.simulator.imports.map(\.upload?.fileName) == ["rosterline-\(job)-b1.zip"])
            let view = try #require(try await scene.database.details(job).imports.first)
            #expect(view.canvasID == "1")
            #expect(!view.adopted)
            #expect(view.submissions == 1)
            #expect(try #require(view.nextPollAt) > Date())
            let left = try FileManager.default.contentsOfDirectory(atPath: scene.folder + "/scratch")
            #expect(left.isEmpty)
        }
    }

    @Test(arguments: [\CanvasFaults.dropAfterAccepting, \.failAfterAccepting])
    func `an answer that was lost is found again, and nothing is sent twice`(
        fault: any WritableKeyPath<CanvasFaults, Int> & Sendable
    ) async throws {
        try await CanvasScene.with { scene in
            scene.simulator.faults[keyPath: fault] = 1
            let job = try await job(scene)
            let lost = try await failure { try await attempt(job, scene) }
            #expect(lost.class == .transient)
            #expect(try await batch(job, scene).submissions == 1)
            try await eventually("Canvas has begun with it") { scene.simulator.imports.first?.state.isTerminal == true }
            guard case .waiting = try await attempt(job, scene) else {
                Issue.record("it does not wait")
                return
            }
            #expect(scene.simulator.imports.count == 1)
            let view = try #require(try await scene.database.details(job).imports.first)
            #expect(view.adopted)
            #expect(view.canvasID == "1")
            #expect(view.submissions == 1)
        }
    }

    @Test func `while Canvas has not begun with an import of unknown origin, nothing is sent`() async throws {
        try await CanvasScene.with {
            $0.startDelay = .seconds(2)
        } _: { scene in
            scene.simulator.faults.dropAfterAccepting = 1
            let job = try await job(scene)
            _ = try await failure { try await attempt(job, scene, settle: .zero) }
            let unsettled = try await failure { try await attempt(job, scene, settle: .zero) }
            #expect(unsettled.code == "import.unsettled")
            guard case .postponed(let until) = unsettled.class else {
                Issue.record("it is not postponed: \(unsettled.class)")
                return
            }
            #expect(until > Date())
            #expect(scene.simulator.imports.count == 1)
            try await eventually("Canvas has begun with it") { scene.simulator.imports.first?.state.isTerminal == true }
            _ = try await attempt(job, scene, settle: .zero)
            #expect(scene.simulator.imports.count == 1)
            #expect(try await scene.database.details(job).imports.first?.adopted == true)
        }
    }

    @Test func `a request that never arrived is sent again, but only once it cannot arrive any more`() async throws {
        try await CanvasScene.with { scene in
            scene.simulator.faults.dropUploads = 1
            let job = try await job(scene)
            #expect(try await failure { try await attempt(job, scene) }.class == .transient)
            let unsettled = try await failure { try await attempt(job, scene) }
            #expect(unsettled.code == "import.unsettled")
            guard case .postponed(let until) = unsettled.class else {
                Issue.record("it is not postponed: \(unsettled.class)")
                return
            }
            #expect((60...75).contains(until.timeIntervalSinceNow))
            #expect(scene.simulator.imports.isEmpty)
            _ = try await attempt(job, scene, settle: .zero)
            #expect(scene.simulator.imports.count == 1)
            let sent = try await batch(job, scene)
            #expect(sent.submissions == 2)
            #expect(sent.canvasID == "1")
        }
    }

    @Test(arguments: [401, 403, 404])
    func `what Canvas refuses leaves no intent behind, and may be sent again at once`(status: Int) async throws {
        try await CanvasScene.with { scene in
            scene.simulator.faults.failNext = 1
            scene.simulator.faults.failStatus = status
            let job = try await job(scene)
            let refusal = try await failure { try await attempt(job, scene) }
            #expect(refusal.class == .permanent)
            #expect(refusal.code.hasPrefix("canvas."))
            #expect(try await batch(job, scene).submissions == 0)
            _ = try await attempt(job, scene)
            #expect(scene.simulator.imports.count == 1)
            #expect(scene.simulator.requests.filter { $0.method == "GET" }.isEmpty, "there was nothing to look for")
        }
    }

    @Test func `throttling is waited out, and leaves no intent behind`() async throws {
        try await CanvasScene.with { scene in
            scene.simulator.faults.failNext = 1
            scene.simulator.faults.failStatus = 429
            scene.simulator.faults.retryAfterSeconds = 40
            let job = try await job(scene)
            let throttled = try await failure { try await attempt(job, scene) }
            guard case .throttled(let until) = throttled.class else {
                Issue.record("it is not throttled: \(throttled.class)")
                return
            }
            #expect((30...41).contains(until.timeIntervalSinceNow))
            #expect(try await batch(job, scene).submissions == 0)
        }
    }

    @Test func `somebody else's import is not taken for ours`() async throws {
        try await CanvasScene.with { scene in
            scene.simulator.faults.dropUploads = 1
            let job = try await job(scene)
            _ = try await failure { try await attempt(job, scene) }
            let other = try await self.job(scene)
            _ = try await attempt(other, scene)
            try await eventually("it is done") { scene.simulator.imports.first?.state.isTerminal == true }
            _ = try await attempt(job, scene, settle: .zero)
            #expect(scene.simulator.imports.count == 2)
            #expect(try await batch(job, scene).canvasID == "2")
        }
    }

    @Test func `a worker that died after the answer is followed by one that sends nothing`() async throws {
        try await CanvasScene.with { scene in
            let job = try await job(scene)
            let claim = try await scene.database.claim(job, 3)
            let context = StepContext(
                lease: claim.lease, job: claim.job, failures: 0, rescues: 0, progress: Silent(),
                logger: EngineDatabase.logger)
            _ = try await step(scene).run(context)
            // Its end is never written.
            try await scene.database.expire(claim.lease.step)
            _ = try await scene.database.steps.rescue(rescueLimit: 3)
            _ = try await attempt(job, scene)
            #expect(scene.simulator.imports.count == 1)
            #expect(try await scene.database.step(job, 3).state == .waiting)
        }
    }

    @Test func `a worker whose lease is lost sends nothing`() async throws {
        try await CanvasScene.with { scene in
            let job = try await job(scene)
            let stale = try await scene.database.claim(job, 3)
            try await scene.database.expire(stale.lease.step)
            _ = try await scene.database.steps.rescue(rescueLimit: 3)
            _ = try await scene.database.claim(job, 3, owner: "other")
            let context = StepContext(
                lease: stale.lease, job: stale.job, failures: 0, rescues: 0, progress: Silent(),
                logger: EngineDatabase.logger)
            let lost = try await failure { try await step(scene).run(context) }
            #expect(lost.class == .interrupted)
            #expect(scene.simulator.imports.isEmpty)
            #expect(scene.simulator.requests.isEmpty)
        }
    }

    @Test func `a conversion that left nothing to send skips the import`() async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.claimImport()
            let settings = try EngineDatabase.nowhere.encoded()
            let context = StepContext(
                lease: lease,
                job: JobDescription(id: lease.step.job, institution: "school", settings: settings),
                failures: 0, rescues: 0, progress: Silent(), logger: EngineDatabase.logger)
            guard case .skipped = try await step(scene).run(context) else {
                Issue.record("it is not skipped")
                return
            }
            #expect(scene.simulator.requests.isEmpty)
        }
    }

    /// The poller's word that Canvas has given the import up.
    private func giveUp(_ job: JobID, _ scene: CanvasScene, token: Int64 = 1) async throws {
        let step = StepID(job: job, ordinal: 3)
        try await scene.database.end(
            StepLease(step: step, token: token, owner: "poller"), .fail, as: .failed, from: .waiting
        ) { $0.errorCode = "canvas.failed" }
    }

    private func canvasIDs(_ job: JobID, _ scene: CanvasScene) async throws -> [String?] {
        try await scene.database.details(job).imports.map(\.canvasID)
    }

    @Test func `a step that is run again after its import ended sends a new batch`() async throws {
        try await CanvasScene.with { scene in
            let job = try await job(scene)
            _ = try await attempt(job, scene)
            // The poller dies right after it ended the step: that the import ended is not written down.
            try await giveUp(job, scene)
            _ = try await OperatorActions(scene.database.pool).retry(job, by: "mara", reason: "Mended.")
            _ = try await attempt(job, scene)
            #expect(scene.simulator.imports.map(\.upload?.fileName).last == "rosterline-\(job)-b2.zip")
            #expect(try await canvasIDs(job, scene) == ["1", "2"])
        }
    }

    @Test func `a step that is run again while its import may be alive sends nothing`() async throws {
        try await CanvasScene.with { scene in
            let job = try await job(scene)
            let claim = try await scene.database.claim(job, 3)
            _ = try await step(scene).run(
                StepContext(
                    lease: claim.lease, job: claim.job, failures: 0, rescues: 0, progress: Silent(),
                    logger: EngineDatabase.logger))
            try await scene.database.end(claim.lease, .fail, as: .failed) { $0.errorCode = "internal" }
            _ = try await OperatorActions(scene.database.pool).retry(job, by: "mara", reason: "Again.")
            _ = try await attempt(job, scene)
            #expect(scene.simulator.imports.count == 1)
            #expect(try await canvasIDs(job, scene) == ["1"])
        }
    }

    @Test func `the answer to a second batch that was lost is found, and the first is not taken for it`() async throws {
        try await CanvasScene.with { scene in
            let job = try await job(scene)
            _ = try await attempt(job, scene)
            try await eventually("the first is done") { scene.simulator.imports.first?.state.isTerminal == true }
            try await giveUp(job, scene)
            _ = try await OperatorActions(scene.database.pool).retry(job, by: "mara", reason: "Mended.")
            scene.simulator.faults.dropAfterAccepting = 1
            _ = try await failure { try await attempt(job, scene) }
            try await eventually("Canvas has begun with it") { scene.simulator.imports.last?.state.isTerminal == true }
            _ = try await attempt(job, scene)
            #expect(scene.simulator.imports.count == 2)
            #expect(try await canvasIDs(job, scene) == ["1", "2"])
        }
    }

    @Test func `a job that took an archive over finds its own import, though its files name the old job`() async throws
    {
        try await CanvasScene.with { scene in
            let old = try await job(scene)
            _ = try await attempt(old, scene)
            try await eventually("the first is done") { scene.simulator.imports.first?.state.isTerminal == true }
            try await giveUp(old, scene)
            let job = try await OperatorActions(scene.database.pool).runAgain(
                old, from: .step(.importBatch), by: "mara", reason: "Mended.")
            scene.simulator.faults.dropAfterAccepting = 1
            _ = try await failure { try await attempt(job, scene) }
            try await eventually("Canvas has begun with it") { scene.simulator.imports.last?.state.isTerminal == true }
            // Long after a request could still arrive: not finding it would mean to send it again.
            _ = try await attempt(job, scene, settle: .zero)
            #expect(scene.simulator.imports.count == 2)
            #expect(try await canvasIDs(job, scene) == ["2"])
            #expect(try await canvasIDs(old, scene) == ["1"])
        }
    }
}
