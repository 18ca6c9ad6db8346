import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct JobKeyTests {
    private func begin(_ key: JobKey, in database: EngineDatabase) async throws -> JobStore.Begun {
        try await database.pool.withTransaction {
            try await JobStore.begin(
                JobRequest(.rosterSync, integration: database.integration, postedBy: "ana", key: key), in: $0)
        }
    }

    @Test(arguments: [(JobKey.Conflict.keep, false), (.reject, true)])
    func `the second is told which job has the key`(conflict: JobKey.Conflict, isRejected: Bool) async throws {
        try await EngineDatabase.with { database in
            let key = JobKey("nightly", conflict: conflict)
            let first = try #require(try await begin(key, in: database).job)
            let second = try await begin(key, in: database)
            #expect(second == (isRejected ? .rejected(winner: first) : .kept(winner: first)))
            #expect(try await database.queries.jobs().rows.map(\.id) == [first])
        }
    }

    @Test func `many at once: one begins, and all others are told of it`() async throws {
        try await EngineDatabase.with { database in
            let outcomes = try await withThrowingTaskGroup(of: JobStore.Begun.self) { group in
                for _ in 0..<12 { group.addTask { try await begin(JobKey("one"), in: database) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let begun = outcomes.compactMap(\.job)
            #expect(begun.count == 1)
            let winner = try #require(begun.first)
            #expect(outcomes.filter { $0 == .rejected(winner: winner) }.count == 11)
        }
    }

    @Test func `a key of waiting jobs is free once the first step is taken`() async throws {
        try await EngineDatabase.with { database in
            let key = JobKey("nightly", scope: .waiting)
            let first = try #require(try await begin(key, in: database).job)
            #expect(try await begin(key, in: database) == .rejected(winner: first))
            _ = try await database.claim(first)
            #expect(try await begin(key, in: database).job != nil)
        }
    }

    @Test func `a key of unfinished jobs is free once the job has ended, however it ends`() async throws {
        try await EngineDatabase.with { database in
            let key = JobKey("nightly")
            let first = try #require(try await begin(key, in: database).job)
            let lease = try await database.claim(first).lease
            #expect(try await begin(key, in: database) == .rejected(winner: first))
            try await database.end(lease, .fail, as: .failed)
            let second = try #require(try await begin(key, in: database).job)
            _ = try await database.pool.withTransaction {
                try await JobStore.cancel(second, by: "ana", reason: "Test.", in: $0)
            }
            #expect(try await begin(key, in: database).job != nil)
        }
    }

    @Test func `a key with a window is held for its time, whatever becomes of the job`() async throws {
        try await EngineDatabase.with { database in
            let key = JobKey("hourly", scope: .window(seconds: 3600))
            let first = try #require(try await begin(key, in: database).job)
            try await database.end(try await database.claim(first).lease, .fail, as: .failed)
            #expect(try await begin(key, in: database) == .rejected(winner: first))
            try await database.pool.execute("UPDATE job_key SET until = now() - interval '1 s'")
            #expect(try await begin(key, in: database).job != nil)
        }
    }

    /// Ends the steps before this one well, and this one badly.
    private func fail(_ job: JobID, at ordinal: Int16 = 1, in database: EngineDatabase) async throws {
        try await database.complete(job, before: ordinal)
        try await database.end(try await database.claim(job, ordinal).lease, .fail, as: .failed) { $0.errorCode = "x" }
    }

    private func cancel(_ job: JobID, in database: EngineDatabase) async throws {
        _ = try await database.pool.withTransaction {
            try await JobStore.cancel(job, by: "ana", reason: "Test.", in: $0)
        }
    }

    @Test func `a job that is retried takes its key again, or is told which job has it`() async throws {
        try await EngineDatabase.with { database in
            let actions = OperatorActions(database.pool)
            let key = JobKey("nightly")
            let first = try #require(try await begin(key, in: database).job)
            try await fail(first, at: 2, in: database)
            let second = try #require(try await begin(key, in: database).job)
            let error = await #expect(throws: StorageError.self) {
                try await actions.retry(first, by: "m", reason: "r")
            }
            #expect(error?.code == .refused && error?.message.contains("\(second)") == true)
            #expect(try await database.details(first).job.state == .failed)
            try await cancel(second, in: database)
            _ = try await actions.retry(first, by: "m", reason: "r")
            #expect(try await begin(key, in: database) == .rejected(winner: first))
        }
    }

    @Test(arguments: [(Int16(1), true), (2, false)])
    func `a key of waiting jobs is taken again with the first step, not with a later one`(
        ordinal: Int16, isTaken: Bool
    ) async throws {
        try await EngineDatabase.with { database in
            let key = JobKey("nightly", scope: .waiting)
            let first = try #require(try await begin(key, in: database).job)
            try await fail(first, at: ordinal, in: database)
            _ = try await OperatorActions(database.pool).retry(first, by: "m", reason: "r")
            #expect((try await begin(key, in: database) == .rejected(winner: first)) == isTaken)
        }
    }

    @Test func `a job that goes on from one with a key takes that key, or is told which job has it`() async throws {
        try await EngineDatabase.with { database in
            let actions = OperatorActions(database.pool)
            let key = JobKey("nightly")
            let first = try #require(try await begin(key, in: database).job)
            try await fail(first, at: 2, in: database)
            let new = try await actions.runAgain(first, from: .step(.convert), by: "m", reason: "r")
            #expect(try await begin(key, in: database) == .rejected(winner: new))
            let error = await #expect(throws: StorageError.self) {
                try await actions.runAgain(first, from: .step(.convert), by: "m", reason: "r")
            }
            #expect(error?.code == .refused && error?.message.contains("\(new)") == true)
            try await database.end(try await database.claim(new, 2).lease, .fail, as: .failed)
            _ = try await actions.retry(new, by: "m", reason: "r")
            #expect(try await begin(key, in: database) == .rejected(winner: new), "it holds the key itself")
        }
    }

    /// More than one batch of them: what is left out must not pass for the end.
    @Test func `a retry of many runs one of each key again, and leaves the others out`() async throws {
        try await EngineDatabase.with { database in
            try await database.jobs.begin(
                (0..<1100).map { _ in JobRequest(.rosterSync, integration: database.integration, postedBy: "test") })
            for (text, count) in [("many", 600), ("held", 300)] {
                try await database.pool.execute(
                    """
                    UPDATE job SET unique_key = \(text), unique_scope = 'unfinished'
                    WHERE id IN (SELECT id FROM job WHERE unique_key IS NULL ORDER BY id LIMIT \(count))
                    """)
            }
            try await database.pool.execute(
                "UPDATE step SET state = 'failed', finished_at = now(), error_code = 'x' WHERE ordinal = 1")
            try await database.pool.execute("UPDATE job SET state = 'failed', finished_at = now()")
            try await database.pool.execute("DELETE FROM outbox")
            let holder = try #require(try await begin(JobKey("held"), in: database).job)
            let store = DeadStore(database.pool)
            for _ in 0..<3 {
                let key = DeadStore.Key(jobKind: "roster-sync", stepKind: "extract", code: "x", fingerprint: "x")
                try await store.put(try await store.ungrouped().map { ($0, key) })
            }
            let dead = try #require(try await store.groups().rows.first)
            #expect(dead.members == 1100)
            var last: DeadActionView? = try await OperatorActions(database.pool).begin(
                .retry, DeadScope(group: dead.id), expected: 1100, by: "m", reason: "r")
            while let next = try await database.pool.withTransaction({ try await DeadStore($0).carryOn() }) {
                last = next
            }
            #expect(last?.done == 201 && last?.finishedAt != nil)
            #expect(try await database.bells().count == 202)
            #expect(try await begin(JobKey("held"), in: database) == .rejected(winner: holder))
        }
    }

    @Test func `the one that replaces begins when the other has ended`() async throws {
        try await EngineDatabase.with { database in
            let key = JobKey("nightly", conflict: .replace)
            let old = try #require(try await begin(key, in: database).job)
            let lease = try await database.claim(old).lease
            try await database.silence()
            let outcome = try await begin(key, in: database)
            let new = try #require(outcome.job)
            #expect(outcome == .replaced(new, old: old))
            #expect(try await OutboxStore(database.pool).backlog(limit: 9).lanes.isEmpty, "it waits")
            try await database.end(lease, .cancel, as: .cancelled)
            #expect(try await OutboxStore(database.pool).backlog(limit: 9).lanes.map(\.due) == [1])
            #expect(try await database.details(old).job.state == .cancelled)
            #expect(try await begin(JobKey("nightly"), in: database) == .rejected(winner: new))
        }
    }

    @Test func `a job behind one that has ended already does not wait`() async throws {
        try await EngineDatabase.with { database in
            let old = try await database.begin()
            _ = try await database.pool.withTransaction {
                try await JobStore.cancel(old, by: "ana", reason: "Test.", in: $0)
            }
            try await database.jobs.begin([
                JobRequest(.rosterSync, integration: database.integration, postedBy: "ana", afterJob: old)
            ])
            #expect(try await OutboxStore(database.pool).backlog(limit: 9).lanes.map(\.due) == [1])
        }
    }

    @Test func `a ticket that its job's ending did not see is let go later`() async throws {
        try await EngineDatabase.with { database in
            let old = try await database.begin()
            try await database.jobs.begin([
                JobRequest(.rosterSync, integration: database.integration, postedBy: "ana", afterJob: old)
            ])
            #expect(try await OutboxStore(database.pool).letFollowersGo() == 0)
            try await database.pool.execute(
                "UPDATE job SET state = 'completed', finished_at = now() WHERE id = \(old.uuid)")
            #expect(try await OutboxStore(database.pool).letFollowersGo() == 1)
        }
    }
}
