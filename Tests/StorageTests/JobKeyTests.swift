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
