import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
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

    @Test func `an intent is not taken back under a stale token`() async throws {
        try await withStaleLease { database, stale, current in
            let hash = Array(repeating: UInt8(1), count: 32)
            #expect(try await database.imports.intend(1, lease: current, fileName: "a.zip", sha256: hash))
            try await database.imports.refused(1, lease: stale)
            #expect(try await database.imports.batch(1, of: stale.step)?.submissions == 1)
            try await database.imports.refused(1, lease: current)
            #expect(try await database.imports.batch(1, of: stale.step)?.submissions == 0)
        }
    }

    @Test func `a stale token renews no lease`() async throws {
        try await withStaleLease { database, stale, current in
            let before = try await leasedUntil(stale.step, in: database)
            #expect(try await database.steps.renew([stale], for: .seconds(600)).held.isEmpty)
            #expect(try await leasedUntil(stale.step, in: database) == before)
            #expect(try await database.steps.renew([current], for: .seconds(600)).held == [current])
        }
    }

    private func leasedUntil(_ step: StepID, in database: EngineDatabase) async throws -> Date {
        try #require(
            try await database.pool.query(
                "SELECT leased_until FROM step WHERE job_id = \(step.job.uuid) AND ordinal = \(step.ordinal)"
            ).first
        ).decode("leased_until")
    }

    @Test func `a checkpoint under a stale token is not saved, nor its files`() async throws {
        try await withStaleLease { database, stale, current in
            let file = ArtifactRecord(
                name: "users.csv", mediaType: "text/csv", bytes: 1, sha256: Array(repeating: 7, count: 32))
            #expect(try await database.steps.save(checkpoint: "current", lease: current))
            #expect(try await !database.steps.save("stale", storing: [file], lease: stale))
            #expect(try await database.details(stale.step.job).artifacts.isEmpty)
            try await database.expire(current.step)
            _ = try await database.steps.rescue(rescueLimit: 3)
            #expect(try await database.claim(current.step.job).checkpoint == "current")
        }
    }

    /// A step that waits on Canvas, whose poller took so long that another attempt waits by now.
    private func withStalePoll(
        _ body: (EngineDatabase, _ stale: ImportStore.Poll, _ current: ImportStore.Poll) async throws -> Void
    ) async throws {
        try await EngineDatabase.with { database in
            let hash = Array(repeating: UInt8(1), count: 32)
            let job = try await database.begin()
            var polls: [ImportStore.Poll] = []
            for _ in 0..<2 {
                let lease = try await database.claim(job).lease
                #expect(try await database.imports.intend(1, lease: lease, fileName: "a.zip", sha256: hash))
                _ = try await database.imports.submitted(
                    1, lease: lease, canvasID: "7", adopted: false, workflowState: "created", nextPollAt: Date())
                try await database.end(lease, .await, as: .waiting)
                polls += try await database.imports.takeDue(limit: 1, next: .seconds(60))
                // As if the import went on although its step had failed and was run again.
                guard polls.count == 1 else { break }
                try await database.pool.execute("UPDATE step SET state = 'queued' WHERE ordinal = 1")
                try await database.pool.execute("UPDATE sis_import SET next_poll_at = now()")
            }
            try #require(polls.count == 2)
            #expect(polls[1].lease.token == polls[0].lease.token + 1)
            try await body(database, polls[0], polls[1])
        }
    }

    @Test func `an answer of Canvas under a stale token is dropped`() async throws {
        try await withStalePoll { database, stale, current in
            let before = try await database.details(stale.lease.step.job)
            try await database.imports.polled(
                stale, workflowState: "imported", progress: 100, answer: "{}", nextPollAt: nil)
            try await database.imports.pollFailed(stale, nextPollAt: Date())
            try await database.steps.reportWaiting(stale.lease, percent: 90, reason: "Stale.", counts: ["users": 9])
            let after = try await database.details(stale.lease.step.job)
            #expect(after.imports == before.imports && after.steps == before.steps)
            try await database.imports.polled(
                current, workflowState: "imported", progress: 100, answer: "{}", nextPollAt: nil)
            #expect(try await database.details(stale.lease.step.job).imports.first?.endedAt != nil)
        }
    }

    @Test func `what became of an abort is not written under a stale token`() async throws {
        try await withStalePoll { database, stale, current in
            _ = try await database.pool.withTransaction {
                try await JobStore.cancel(stale.lease.step.job, by: "ana", reason: "Test", in: $0)
            }
            let before = try await database.details(stale.lease.step.job).steps
            try await database.steps.reportCancelled(stale.lease, words: "Stale.", counts: ["users": 9])
            #expect(try await database.details(stale.lease.step.job).steps == before)
            try await database.steps.reportCancelled(current.lease, words: "Done.", counts: [:])
            #expect(try await database.step(stale.lease.step.job).reason == "Cancelled by ana: Test. Done.")
        }
    }

    @Test func `an import that has ended is not begun anew by a slow poller`() async throws {
        try await withStalePoll { database, _, poll in
            try await database.imports.polled(
                poll, workflowState: "imported", progress: 100, answer: "{}", nextPollAt: nil)
            let before = try await database.details(poll.lease.step.job).imports
            try await database.imports.polled(
                poll, workflowState: "importing", progress: 40, answer: "{}", nextPollAt: Date())
            try await database.imports.pollFailed(poll, nextPollAt: Date())
            #expect(try await database.details(poll.lease.step.job).imports == before)
        }
    }
}
