import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Schedules
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

    /// What is under way is found by its ticket, its poll or its hold; a month that is kept for long is then not read
    /// through each hour.
    @Test(arguments: ["queued", "held", "waiting"])
    func `a month with an unfinished job is kept without reading its jobs`(state: String) async throws {
        try await EngineDatabase.with { database in
            let job = try await begin(database, on: "2020-05-01", isFinished: false)
            switch state {
            case "held": try await database.end(database.claim(job).lease, .hold, as: .held)
            case "waiting":
                let lease = try await database.claim(job).lease
                #expect(
                    try await database.imports.intend(
                        1, lease: lease, fileName: "a.zip", sha256: Array(repeating: 1, count: 32)))
                _ = try await database.imports.submitted(
                    1, lease: lease, canvasID: "5", adopted: false, workflowState: "created", nextPollAt: Date())
                try await database.end(lease, .await, as: .waiting)
            default: break
            }
            let scans = try await database.pool.withTransaction { transaction in
                // The tables are all but empty, and would be read whole for that.
                try await transaction.execute("SET LOCAL enable_seqscan = off")
                var counts: [Int64] = []
                for _ in 0..<2 {
                    let row = try await transaction.query(
                        """
                        SELECT pg_stat_get_xact_numscans('job_2020_05'::regclass) AS scans,
                            drop_month_partitions(now() - interval '400 days') AS dropped
                        """
                    ).first
                    counts.append(try #require(row).decode("scans"))
                }
                return counts
            }
            #expect(scans[0] == scans[1])
            #expect(try await database.queries.job(job) != nil)
        }
    }

    @Test func `old occurrences go in batches, but not a schedule's latest, nor one that is still to be decided`()
        async throws
    {
        try await EngineDatabase.with { database in
            var definition = ScheduleDefinition(cron: "0 3 * * *", timeZone: "UTC")
            definition.catchUp = CatchUp(.each, window: 86_400)
            let planned = { (days: Int) in Date(timeIntervalSince1970: 1_600_000_000 + Double(days) * 86_400) }
            let store = ScheduleStore(database.pool)
            for (slug, next) in [("a", 9), ("b", 1), ("c", 9)] {
                try await store.put(
                    slug, integration: database.integration, kind: .rosterSync, definition: definition,
                    next: .init(planned: planned(next), start: planned(next)))
            }
            // A third of `c` is of today; `b` was set back behind its second.
            try await database.pool.execute(
                """
                INSERT INTO occurrence (schedule_id, local_date, slot, planned_at, fired_at, outcome)
                SELECT c.id, p.at::date, '03:00'::time, p.at, p.at, 'missed' FROM schedule c
                CROSS JOIN LATERAL (SELECT \(planned(0))::timestamptz + n * interval '1 day' AS at FROM generate_series(0, 2) AS n
                    UNION ALL SELECT now() - interval '1 day' WHERE c.slug = 'c') AS p
                """)
            let retention = RetentionStore(database.pool)
            let age = Duration.seconds(31 * 86_400)
            #expect(try await retention.pruneOccurrences(olderThan: age, limit: 4) == 4)
            #expect(try await retention.pruneOccurrences(olderThan: age, limit: 4) == 2)
            #expect(try await retention.pruneOccurrences(olderThan: age, limit: 4) == 0)
            let left = try await database.pool.query(
                """
                SELECT c.slug || ' ' || to_char(o.planned_at, 'YYYY-MM') AS name FROM occurrence o
                JOIN schedule c ON c.id = o.schedule_id WHERE o.planned_at < now() - interval '2 days'
                ORDER BY c.slug, o.planned_at
                """
            ).map { try $0.decode("name", as: String.self) }
            #expect(left == ["a 2020-09", "b 2020-09", "b 2020-09"])
        }
    }
}
