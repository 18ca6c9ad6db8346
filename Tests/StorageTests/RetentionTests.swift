import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct RetentionTests {
    private static let tables = ["job", "step", "attempt", "artifact", "sis_import"]

    /// Begins a job of a past day in the partitions of its month.
    private func begin(_ database: EngineDatabase, on day: String, isFinished: Bool) async throws -> JobID {
        _ = try await database.pool.query("SELECT create_month_partitions(\(day)::text::date)::text")
        let moment = try await database.pool.query(
            "SELECT (extract(epoch FROM \(day)::text::date) + 3600)::double precision"
        ).first?.decode(at: 0, as: Double.self)
        var generator = SystemRandomNumberGenerator()
        let id = JobID(at: Date(timeIntervalSince1970: try #require(moment)), using: &generator)
        _ = try await database.jobs.begin(.rosterSync, integration: database.integration, postedBy: "test", id: id)
        if isFinished {
            try await database.end(database.claim(id).lease, .fail, as: .failed)
        }
        return id
    }

    private func partition(_ database: EngineDatabase, of job: JobID) async throws -> String? {
        try await database.pool.query("SELECT tableoid::regclass::text FROM job WHERE id = \(job.uuid)").first?
            .decode(at: 0, as: String.self)
    }

    @Test func `a month past retention goes as a whole, one with an unfinished job stays`() async throws {
        try await EngineDatabase.with { database in
            let old = try await begin(database, on: "2020-03-31", isFinished: true)
            let stuck = try await begin(database, on: "2020-05-01", isFinished: false)
            let recent = try await database.begin()
            #expect(try await partition(database, of: old) == "job_2020_03")
            #expect(try await partition(database, of: stuck) == "job_2020_05")
            let store = RetentionStore(database.pool)
            #expect(try await store.keepPartitions(for: .seconds(400 * 86_400)) == Self.tables.count)
            #expect(try await database.queries.job(old) == nil)
            #expect(try await database.queries.job(stuck) != nil)
            #expect(try await database.queries.job(recent) != nil)
            let orphans = try await database.pool.query("SELECT 1 FROM step WHERE job_id = \(old.uuid)")
            #expect(orphans.isEmpty)
            try await database.end(database.claim(stuck).lease, .fail, as: .failed)
            #expect(try await store.keepPartitions(for: .seconds(400 * 86_400)) == Self.tables.count)
            #expect(try await database.queries.job(stuck) == nil)
            #expect(try await store.keepPartitions(for: .seconds(400 * 86_400)) == 0)
        }
    }

    @Test func `a month is kept until its last day is past retention`() async throws {
        try await EngineDatabase.with { database in
            let old = try await begin(database, on: "2020-03-01", isFinished: true)
            let seconds = try await database.pool.query(
                "SELECT extract(epoch FROM now() - timestamptz '2020-03-31 00:00Z')::bigint"
            ).first?.decode(at: 0, as: Int64.self)
            let retention = Duration.seconds(try #require(seconds))
            #expect(try await RetentionStore(database.pool).keepPartitions(for: retention) == 0)
            #expect(try await database.queries.job(old) != nil)
        }
    }

    @Test func `the default partition takes what no month fits`() async throws {
        try await EngineDatabase.with { database in
            var generator = SystemRandomNumberGenerator()
            let id = JobID(at: Date(timeIntervalSince1970: 4_000_000_000), using: &generator)
            _ = try await database.jobs.begin(.rosterSync, integration: database.integration, postedBy: "test", id: id)
            #expect(try await partition(database, of: id) == "job_default")
            try await database.complete(id, before: 4)
            #expect(try await database.details(id).job.state == .completed)
        }
    }
}
