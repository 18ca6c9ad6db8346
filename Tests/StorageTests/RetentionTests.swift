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

    @Test func `a month whose first rows came before its tables gets both`() async throws {
        try await EngineDatabase.with { database in
            var jobs: [JobID] = []
            for day in ["2040-03-05", "2040-05-06"] {
                let moment = try await database.pool.query("SELECT \(day)::text::timestamptz AS at").first
                var generator = SystemRandomNumberGenerator()
                let id = JobID(at: try #require(moment).decode("at"), using: &generator)
                _ = try await database.jobs.begin(
                    .rosterSync, integration: database.integration, postedBy: "test", id: id)
                try await database.end(database.claim(id).lease, .complete, as: .completed)
                jobs.append(id)
            }
            #expect(try await partition(database, of: jobs[0]) == "job_default")
            let before = try await database.details(jobs[0])
            for _ in 0..<2 {
                _ = try await database.pool.query("SELECT create_month_partitions('2040-03-01')::text")
            }
            #expect(try await partition(database, of: jobs[0]) == "job_2040_03")
            #expect(try await partition(database, of: jobs[1]) == "job_default", "its month has no tables yet")
            let after = try await database.details(jobs[0])
            #expect(after.job.state == before.job.state && after.attempts.map(\.token) == before.attempts.map(\.token))
            #expect(after.steps.map(\.state) == before.steps.map(\.state))
            for table in ["step", "attempt"] {
                let tables = try await database.pool.query(
                    "SELECT DISTINCT tableoid::regclass::text AS name FROM \(unescaped: table) ORDER BY 1")
                #expect(
                    try tables.map { try $0.decode("name", as: String.self) } == [
                        "\(table)_2040_03", "\(table)_default",
                    ])
            }
            // And it goes on from there.
            let lease = try await database.claim(jobs[0], 2).lease
            #expect(try await database.end(lease, .complete, as: .completed))
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
