import EngineTestSupport
import FoundationEssentials
import Jobs
import Storage
import TestSupport
import Testing

/// A worker that slept through its lease, while another one took its step over.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct FencingTests {
    private func withStaleLease(
        _ body: (EngineDatabase, _ stale: StepLease, _ current: StepLease) async throws -> Void
    ) async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let stale = try await database.claim(job, owner: "sleeper").lease
            try await database.expire(stale.step)
            _ = try await database.steps.rescue(rescueLimit: 3)
            let current = try await database.claim(job, owner: "other").lease
            #expect(current.token == stale.token + 1)
            try await database.silence()
            try await body(database, stale, current)
        }
    }

    @Test(arguments: [
        (StepEvent.complete, StepEnding.AttemptOutcome.completed), (.fail, .failed), (.retry, .retry),
        (.await, .waiting), (.hold, .held), (.cancel, .cancelled),
    ])
    func `an ending under a stale token writes nothing`(
        event: StepEvent, outcome: StepEnding.AttemptOutcome
    ) async throws {
        try await withStaleLease { database, stale, current in
            let before = try await database.details(stale.step.job)
            let file = ArtifactRecord(
                name: "users.csv", mediaType: "text/csv", bytes: 1, sha256: Array(repeating: 7, count: 32))
            let isWritten = try await database.end(
                stale, event, as: outcome, result: StepResult(counts: ["users": 1], artifacts: [file]))
            #expect(!isWritten)
            let after = try await database.details(stale.step.job)
            #expect(after.steps == before.steps)
            #expect(after.attempts == before.attempts)
            #expect(after.artifacts.isEmpty)
            #expect(after.job == before.job)
            #expect(try await database.bells().isEmpty)
            #expect(try await database.end(current, .complete, as: .completed))
        }
    }

    @Test func `progress under a stale token is dropped`() async throws {
        try await withStaleLease { database, stale, current in
            try await database.steps.report([
                (lease: stale, percent: 90, counts: ["users": 9]), (lease: current, percent: 10, counts: ["users": 1]),
            ])
            let step = try await database.step(stale.step.job)
            #expect(step.percent == 10)
            #expect(step.counts == ["users": 1])
        }
    }

    @Test func `nothing may be sent to Canvas under a stale token`() async throws {
        try await withStaleLease { database, stale, current in
            let hash = Array(repeating: UInt8(1), count: 32)
            #expect(try await !database.imports.intend(1, lease: stale, fileName: "stale.zip", sha256: hash))
            #expect(try await database.imports.batch(1, of: stale.step) == nil)
            #expect(try await database.imports.intend(1, lease: current, fileName: "a.zip", sha256: hash))
            let isHeld = try await database.imports.submitted(
                1, lease: stale, canvasID: "5", adopted: false, workflowState: "created", nextPollAt: Date())
            #expect(!isHeld)
            let batch = try #require(try await database.imports.batch(1, of: stale.step))
            #expect(batch.canvasID == nil)
            #expect(batch.submissions == 1)
        }
    }
}
