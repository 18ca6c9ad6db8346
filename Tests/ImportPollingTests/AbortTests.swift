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

/// A job is cancelled while Canvas has its import.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct AbortTests {
    private static let accounts = "account_id,parent_account_id,name,status\nA1,,One,active\nA2,,Two,active\n"

    private func poller(_ scene: CanvasScene, interval: Duration = .seconds(300)) -> ImportPollingService {
        ImportPollingService(
            database: scene.database.pool, artifacts: scene.artifacts, client: scene.client,
            configuration: ImportPollingConfiguration(interval: interval, scratch: scene.folder + "/scratch"),
            logger: EngineDatabase.logger)
    }

    private func cancel(_ lease: StepLease, _ scene: CanvasScene) async throws {
        try await OperatorActions(scene.database.pool).cancel(lease.step.job, by: "ana", reason: "Wrong file.")
    }

    private func makeDue(_ scene: CanvasScene) async throws {
        try await scene.database.pool.execute(
            "UPDATE sis_import SET next_poll_at = now() WHERE next_poll_at IS NOT NULL")
    }

    private func reason(_ lease: StepLease, _ scene: CanvasScene) async throws -> String {
        try await scene.database.step(lease.step.job, 3).reason ?? ""
    }

    private func aborts(_ scene: CanvasScene) -> Int {
        scene.simulator.requests.filter { $0.method == "PUT" && $0.path.hasSuffix("/abort") }.count
    }

    /// The import has ended for us too: nobody asks about it any more.
    private func expectSettled(_ lease: StepLease, _ scene: CanvasScene, as state: String) async throws {
        let details = try await scene.database.details(lease.step.job)
        #expect(details.job.state == .cancelled && details.steps[2].state == .cancelled)
        let view = try #require(details.imports.first)
        #expect(view.workflowState == state && view.endedAt != nil && view.nextPollAt == nil)
        try await makeDue(scene)
        #expect(try await poller(scene).pollDue() == 0)
    }

    @Test func `Canvas is asked at once to abort the import of a job that is cancelled while it waits`() async throws {
        try await CanvasScene.with {
            $0.startDelay = .seconds(3600)
        } _: { scene in
            let lease = try await scene.wait(for: Self.accounts)
            #expect(try await poller(scene).pollDue() == 1)
            try await cancel(lease, scene)
            #expect(try await reason(lease, scene) == "Cancelled by ana: Wrong file.")
            #expect(try await poller(scene).pollDue() == 1)
            #expect(scene.simulator.imports.map(\.state) == [.aborted])
            #expect(
                try await reason(lease, scene)
                    == "Cancelled by ana: Wrong file. Canvas has aborted SIS import 1; rows that were already applied stay."
            )
            try await expectSettled(lease, scene, as: "aborted")
            #expect(aborts(scene) == 1)
        }
    }

    @Test func `a poller that dies with the order in its hands is followed by another`() async throws {
        try await CanvasScene.with {
            $0.startDelay = .seconds(3600)
        } _: { scene in
            let lease = try await scene.wait(for: Self.accounts)
            try await cancel(lease, scene)
            // It takes the import, and is never heard of again.
            #expect(try await scene.database.imports.takeDue(limit: 5, next: .milliseconds(1)).count == 1)
            try await makeDue(scene)
            #expect(try await poller(scene).pollDue() == 1)
            try await expectSettled(lease, scene, as: "aborted")
        }
    }

    @Test(arguments: [401, 429, 500])
    func `while Canvas does not answer, the wish stays and its reason is a sentence`(status: Int) async throws {
        try await CanvasScene.with {
            $0.startDelay = .seconds(3600)
        } _: { scene in
            let lease = try await scene.wait(for: Self.accounts)
            try await cancel(lease, scene)
            scene.simulator.faults.failStatus = status
            scene.simulator.faults.failNext = 1
            #expect(try await poller(scene).pollDue() == 1)
            let words = try await reason(lease, scene)
            #expect(words.hasPrefix("Cancelled by ana: Wrong file. Canvas could not be asked to abort SIS import 1:"))
            #expect(scene.simulator.imports.map(\.state) == [.created])
            let view = try #require(try await scene.database.details(lease.step.job).imports.first)
            #expect(try #require(view.nextPollAt) > Date() && view.endedAt == nil)
            try await makeDue(scene)
            #expect(try await poller(scene).pollDue() == 1)
            try await expectSettled(lease, scene, as: "aborted")
        }
    }

    @Test func `an import that Canvas had ended before is told as it ended`() async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.wait(for: Self.accounts)
            try await eventually("Canvas is done") { scene.simulator.imports.first?.state == .imported }
            try await cancel(lease, scene)
            #expect(try await poller(scene).pollDue() == 1)
            let words = try await reason(lease, scene)
            #expect(words.hasSuffix("before it could be aborted (imported); what it applied stays."))
            #expect(try await scene.database.step(lease.step.job, 3).counts["canvas.accounts"] == 2)
            try await expectSettled(lease, scene, as: "imported")
        }
    }

    @Test func `an import that Canvas does not know is asked about no more`() async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.wait(for: Self.accounts, as: "4711")
            try await cancel(lease, scene)
            #expect(try await poller(scene).pollDue() == 1)
            #expect(try await reason(lease, scene).hasSuffix("Canvas no longer knows SIS import 4711."))
            try await expectSettled(lease, scene, as: "gone")
        }
    }

    @Test func `a step that is stopped after Canvas took its import is followed by the abort`() async throws {
        try await CanvasScene.with {
            $0.startDelay = .seconds(3600)
        } _: { scene in
            let lease = try await scene.claimImport()
            _ = try await scene.database.imports.intend(
                1, lease: lease, fileName: "a.zip", sha256: Array(repeating: 1, count: 32))
            let path = "\(scene.folder)/a.csv"
            try Data(Self.accounts.utf8).write(to: URL(filePath: path))
            let made = try await scene.canvas.createSISImport(file: path, fileName: "a.csv", contentType: .csv)
            _ = try await scene.database.imports.submitted(
                1, lease: lease, canvasID: made.id, adopted: false, workflowState: "created",
                nextPollAt: Date().addingTimeInterval(300))
            try await cancel(lease, scene)
            #expect(try await poller(scene).pollDue() == 0, "the step has not stopped yet")
            #expect(aborts(scene) == 0)
            try await scene.database.end(lease, .cancel, as: .cancelled)
            try await makeDue(scene)
            #expect(try await poller(scene).pollDue() == 1)
            #expect(scene.simulator.imports.map(\.state) == [.aborted])
            try await expectSettled(lease, scene, as: "aborted")
        }
    }

    @Test func `after a day nobody asks any more, and the page says where to look`() async throws {
        try await CanvasScene.with { scene in
            let lease = try await scene.wait(for: Self.accounts)
            try await cancel(lease, scene)
            try await scene.database.pool.execute(
                "UPDATE step SET finished_at = now() - interval '25 h' WHERE state = 'cancelled'")
            scene.use(token: "")
            #expect(try await poller(scene).pollDue() == 1)
            #expect(try await reason(lease, scene).hasSuffix("look at the import in Canvas."))
            #expect(try await scene.database.details(lease.step.job).imports.first?.nextPollAt == nil)
        }
    }

    @Test func `the service aborts by itself, and nobody else's import`() async throws {
        try await CanvasScene.with {
            $0.startDelay = .seconds(3600)
        } _: { scene in
            let lease = try await scene.wait(for: Self.accounts)
            _ = try await scene.wait(for: Self.accounts)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let service = poller(scene, interval: .milliseconds(100))
                group.addTask { try await service.run() }
                defer { group.cancelAll() }
                try await cancel(lease, scene)
                try await eventually("Canvas has aborted it") {
                    try await scene.database.details(lease.step.job).imports.first?.endedAt != nil
                }
                #expect(scene.simulator.imports.map(\.state) == [.aborted, .created])
            }
        }
    }
}

@Suite struct AbortVerdictTests {
    private let since = Date(timeIntervalSince1970: 1_700_000_000)

    private func verdict(_ answer: AbortVerdict.Answer, after seconds: TimeInterval = 1) -> AbortVerdict {
        AbortVerdict.of(answer, id: "7", since: since, now: since.addingTimeInterval(seconds))
    }

    private func isDone(_ verdict: AbortVerdict) -> Bool {
        if case .done = verdict { true } else { false }
    }

    @Test(arguments: SISImportState.known)
    func `an import is asked about until it has ended, whoever ended it`(state: SISImportState) {
        #expect(isDone(verdict(.taken(state))) == state.isTerminal)
        #expect(isDone(verdict(.nothing(state))) == state.isTerminal)
    }

    @Test func `what Canvas does not know is done, what could not be asked is not`() {
        #expect(verdict(.nothing(nil)) == .done("Canvas no longer knows SIS import 7."))
        #expect(!isDone(verdict(.failed("It is away."))))
    }

    @Test(arguments: [AbortVerdict.Answer.taken(.importing), .nothing(.restoring), .failed("It is away.")])
    func `nothing is asked for longer than a day`(answer: AbortVerdict.Answer) {
        #expect(!isDone(verdict(answer, after: AbortVerdict.patience - 1)))
        #expect(isDone(verdict(answer, after: AbortVerdict.patience)))
    }
}
