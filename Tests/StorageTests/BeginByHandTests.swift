import EngineTestSupport
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

/// Jobs that somebody begins by hand, with and without a key.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct BeginByHandTests {
    private func begin(
        _ database: EngineDatabase, _ key: JobKey? = nil, guarded: ScheduleOperations.Guard = .refuse
    ) async throws -> JobStore.ByHand {
        try await OperatorActions(database.pool).begin(
            .rosterSync, of: database.integration, called: "school/nightly", guarded: guarded, key: key, by: "ana")
    }

    private func audit(_ database: EngineDatabase) async throws -> [AuditRow] {
        try await AuditStore(database.pool).rows().rows.reversed()
    }

    @Test func `without a key a job that has not ended stands in the way, unless somebody says otherwise`() async throws
    {
        try await EngineDatabase.with { database in
            let first = try #require(try await begin(database).begun).job
            #expect(try await begin(database) == .refused([first]))
            let second = try #require(try await begin(database, guarded: .after).begun)
            #expect(second.after == first)
            let third = try #require(try await begin(database, guarded: .anyway).begun)
            #expect(third.after == nil)
            let rows = try await audit(database)
            #expect(rows.map(\.subject) == [first, second.job, third.job].map { AuditEntry.subject($0) })
            #expect(rows.allSatisfy { $0.action == "job.begin" && $0.actor == "ana" })
            #expect(rows[1].after == #"{"after": "\#(first)", "integration": "school/nightly"}"#)
        }
    }

    @Test(arguments: [JobKey.Conflict.keep, .reject])
    func `the loser is told which job holds the key, and leaves no trace`(conflict: JobKey.Conflict) async throws {
        try await EngineDatabase.with { database in
            let key = JobKey("roster", conflict: conflict)
            let first = try #require(try await begin(database, key).begun).job
            let lost: JobStore.ByHand = conflict == .keep ? .kept(winner: first) : .rejected(winner: first)
            for guarded in ScheduleOperations.Guard.allCases {
                #expect(try await begin(database, key, guarded: guarded) == lost)
            }
            #expect(try await database.queries.jobs().rows.map(\.id) == [first])
            #expect(try await audit(database).map(\.after) == [#"{"key": "roster", "integration": "school/nightly"}"#])
        }
    }

    @Test func `the one that replaces waits for the old one's end, and both stand in the audit`() async throws {
        try await EngineDatabase.with { database in
            let key = JobKey("roster", conflict: .replace)
            let old = try #require(try await begin(database, key).begun).job
            let lease = try await database.claim(old).lease
            let outcome = try await begin(database, key)
            let new = try #require(outcome.begun).job
            #expect(outcome == .replaced(new, old: old))
            try await database.end(lease, .cancel, as: .cancelled)
            #expect(try await database.bells() == [StepID(job: new, ordinal: 1)])
            let rows = try await audit(database)
            #expect(rows.map(\.action) == ["job.begin", "job.cancel", "job.begin"])
            #expect(rows[1].subject == AuditEntry.subject(old) && rows[1].reason == "Replaced by job \(new).")
        }
    }

    @Test func `a key is no leave to run beside a job that holds none`() async throws {
        try await EngineDatabase.with { database in
            let other = try await database.begin()
            let key = JobKey("roster", conflict: .replace)
            #expect(try await begin(database, key) == .refused([other]))
            let holder = try #require(try await begin(database, key, guarded: .anyway).begun).job
            #expect(try await begin(database, key) == .refused([other]), "and not the one that gives way")
            #expect(try await begin(database, JobKey("roster", conflict: .keep)) == .kept(winner: holder))
            #expect(try await begin(database, key, guarded: .anyway).begun?.after == holder)
        }
    }

    @Test func `many at once with one key begin one job`() async throws {
        try await EngineDatabase.with { database in
            let outcomes = try await withThrowingTaskGroup(of: JobStore.ByHand.self) { group in
                for _ in 0..<8 { group.addTask { try await begin(database, JobKey("roster", conflict: .keep)) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let begun = outcomes.compactMap(\.begun?.job)
            #expect(begun.count == 1)
            #expect(outcomes.filter { $0 == .kept(winner: begun[0]) }.count == 7)
        }
    }
}
