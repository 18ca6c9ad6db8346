import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct ImportStoreTests {
    private let hash = (0..<32).map { UInt8($0 * 8) }

    /// A job whose import step runs, or waits on a Canvas import of this id.
    private func importing(_ database: EngineDatabase, as canvasID: String? = nil) async throws -> StepLease {
        let job = try await database.begin()
        try await database.complete(job, before: 3)
        let lease = try await database.claim(job, 3).lease
        guard let canvasID else { return lease }
        #expect(try await database.imports.intend(1, lease: lease, fileName: "\(job)-b1.zip", sha256: hash))
        let isHeld = try await database.imports.submitted(
            1, lease: lease, canvasID: canvasID, adopted: false, workflowState: "created", nextPollAt: Date())
        #expect(isHeld)
        try await database.end(lease, .await, as: .waiting)
        return lease
    }

    @Test func `an intent counts its requests, and a refusal takes one back`() async throws {
        try await EngineDatabase.with { database in
            let lease = try await importing(database)
            #expect(try await database.imports.batch(1, of: lease.step) == nil)
            for _ in 0..<2 {
                #expect(try await database.imports.intend(1, lease: lease, fileName: "a.zip", sha256: hash))
            }
            var batch = try #require(try await database.imports.batch(1, of: lease.step))
            #expect(batch.submissions == 2)
            #expect(batch.sha256 == hash)
            #expect(batch.fileName == "a.zip")
            for left in [1, 0, 0] {
                try await database.imports.refused(1, lease: lease)
                batch = try #require(try await database.imports.batch(1, of: lease.step))
                #expect(batch.submissions == left)
            }
        }
    }

    @Test func `of several pollers at once each import goes to one, and not again before its interval`() async throws {
        try await EngineDatabase.with { database in
            for number in 0..<20 { _ = try await importing(database, as: "\(number)") }
            let taken = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await database.imports.takeDue(limit: 20, next: .seconds(60)).map(\.canvasID)
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(taken.count == 20)
            #expect(Set(taken).count == 20)
            #expect(try await database.imports.takeDue(limit: 20, next: .seconds(60)).isEmpty)
        }
    }

    @Test func `a poll knows the lease that handed the import over, and what was answered last`() async throws {
        try await EngineDatabase.with { database in
            let lease = try await importing(database, as: "44")
            let poll = try #require(try await database.imports.takeDue(limit: 1, next: .seconds(60)).first)
            #expect(poll.lease.step == lease.step)
            #expect(poll.lease.token == lease.token)
            #expect(poll.workflowState == "created")
            try await database.imports.pollFailed(poll, nextPollAt: Date())
            let again = try #require(try await database.imports.takeDue(limit: 1, next: .seconds(60)).first)
            #expect(again.failures == 1)
            try await database.imports.polled(
                again, workflowState: "importing", progress: 40, answer: #"{"id":44}"#, nextPollAt: Date())
            let third = try #require(try await database.imports.takeDue(limit: 1, next: .seconds(60)).first)
            #expect(third.failures == 0)
            #expect(third.workflowState == "importing")
            try await database.imports.polled(
                third, workflowState: "imported", progress: 100, answer: "{}", nextPollAt: nil)
            let view = try #require(try await database.details(lease.step.job).imports.first)
            #expect(view.nextPollAt == nil)
            #expect(view.endedAt != nil)
            #expect(view.progress == 100)
        }
    }

    /// The poller may come between the answer of Canvas and the end of the attempt that asked: with a quick poller and
    /// a slow database that is no rarity.
    @Test func `an import whose attempt has not ended yet is not given to a poller, but is not forgotten`() async throws
    {
        try await EngineDatabase.with { database in
            let lease = try await importing(database)
            #expect(try await database.imports.intend(1, lease: lease, fileName: "a.zip", sha256: hash))
            _ = try await database.imports.submitted(
                1, lease: lease, canvasID: "9", adopted: false, workflowState: "created", nextPollAt: Date())
            #expect(try await database.imports.takeDue(limit: 10, next: .zero).isEmpty)
            try await database.end(lease, .await, as: .waiting)
            #expect(try await database.imports.takeDue(limit: 10, next: .seconds(60)).map(\.canvasID) == ["9"])
        }
    }

    @Test func `an import whose step has ended otherwise is polled no more`() async throws {
        try await EngineDatabase.with { database in
            let lease = try await importing(database, as: "3")
            try await database.end(lease, .fail, as: .failed, from: .waiting)
            #expect(try await database.imports.takeDue(limit: 10, next: .zero).isEmpty)
            #expect(try await database.details(lease.step.job).imports.first?.nextPollAt == nil)
        }
    }

    private func cancel(_ job: JobID, in database: EngineDatabase) async throws {
        _ = try await database.pool.withTransaction {
            try await JobStore.cancel(job, by: "ana", reason: "Wrong file", in: $0)
        }
    }

    @Test func `an import whose waiting step is cancelled is to be aborted at once, until it has ended`() async throws {
        try await EngineDatabase.with { database in
            let lease = try await importing(database, as: "3")
            _ = try await database.imports.takeDue(limit: 10, next: .seconds(300))
            try await cancel(lease.step.job, in: database)
            let poll = try #require(try await database.imports.takeDue(limit: 10, next: .zero).first)
            guard case .abort(let since) = poll.wish else {
                Issue.record("it is only asked about")
                return
            }
            #expect(abs(since.timeIntervalSinceNow) < 10)
            // Whoever took it may die: it stays due.
            let again = try await database.imports.takeDue(limit: 10, next: .zero)
            #expect(again.map(\.canvasID) == ["3"])
            try await database.imports.polled(
                poll, workflowState: "aborted", progress: 0, answer: "{}", nextPollAt: nil)
            #expect(try await database.imports.takeDue(limit: 10, next: .zero).isEmpty)
        }
    }

    @Test func `a cancellation that comes while Canvas is asked is not put off by the answer`() async throws {
        try await EngineDatabase.with { database in
            let lease = try await importing(database, as: "3")
            let poll = try #require(try await database.imports.takeDue(limit: 10, next: .seconds(300)).first)
            #expect(poll.wish == .state)
            try await cancel(lease.step.job, in: database)
            try await database.imports.polled(
                poll, workflowState: "importing", progress: 40, answer: "{}",
                nextPollAt: Date().addingTimeInterval(300))
            #expect(try await database.imports.takeDue(limit: 10, next: .seconds(300)).map(\.canvasID) == ["3"])
        }
    }

    @Test func `while a cancelled step still runs its import is looked at each second, and then aborted`() async throws
    {
        try await EngineDatabase.with { database in
            let lease = try await importing(database)
            #expect(try await database.imports.intend(1, lease: lease, fileName: "a.zip", sha256: hash))
            try await cancel(lease.step.job, in: database)
            // The answer comes after the order to stop; an intent after it would be refused.
            _ = try await database.imports.submitted(
                1, lease: lease, canvasID: "9", adopted: false, workflowState: "created",
                nextPollAt: Date().addingTimeInterval(300))
            #expect(try await !database.imports.intend(2, lease: lease, fileName: "b.zip", sha256: hash))
            #expect(try await database.imports.takeDue(limit: 10, next: .seconds(300)).isEmpty)
            let next = try #require(try await database.details(lease.step.job).imports.first?.nextPollAt)
            #expect(next.timeIntervalSinceNow < 2)
            try await database.end(lease, .cancel, as: .cancelled)
            try await database.pool.execute("UPDATE sis_import SET next_poll_at = now()")
            let poll = try #require(try await database.imports.takeDue(limit: 10, next: .seconds(300)).first)
            #expect(poll.wish != .state && poll.canvasID == "9")
        }
    }

    @Test func `what Canvas said of an abort stands behind who cancelled and why`() async throws {
        try await EngineDatabase.with { database in
            let lease = try await importing(database, as: "3")
            try await database.steps.reportCancelled(lease, words: "Too early.", counts: [:])
            #expect(try await database.step(lease.step.job, 3).reason == nil)
            try await cancel(lease.step.job, in: database)
            for words in ["Asked.", "Done."] {
                try await database.steps.reportCancelled(lease, words: words, counts: ["canvas.users": 4])
            }
            let step = try await database.step(lease.step.job, 3)
            #expect(step.reason == "Cancelled by ana: Wrong file. Done.")
            #expect(step.counts["canvas.users"] == 4)
        }
    }

    @Test func `imports of ours are known by id and address`() async throws {
        try await EngineDatabase.with { database in
            _ = try await importing(database, as: "100")
            let address = EngineDatabase.nowhere.canvas.address
            #expect(try await database.imports.known(["100", "101"], address: address) == ["100"])
            #expect(try await database.imports.known(["100"], address: "https://other.example").isEmpty)
            #expect(try await database.imports.known([], address: address).isEmpty)
        }
    }
}
