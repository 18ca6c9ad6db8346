import EngineTestSupport
import FoundationEssentials
import Jobs
import Logging
import Maintenance
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct MaintenanceServiceTests {
    private func run(
        _ database: EngineDatabase, _ recorder: LogRecorder, interval: Duration = .milliseconds(50),
        rescueLimit: Int = 3, _ body: () async throws -> Void
    ) async throws {
        let service = MaintenanceService(
            database: database.pool,
            configuration: MaintenanceConfiguration(
                interval: interval, rescueLimit: rescueLimit, patience: .seconds(60)),
            logger: recorder.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    @Test func `a lost step is taken back, a poison one parked, and both are logged with their worker`() async throws {
        let recorder = LogRecorder()
        try await EngineDatabase.with { database in
            let lost = try await database.claim(try await database.begin(), owner: "gone").lease
            try await database.expire(lost.step)
            try await run(database, recorder) {
                try await eventually("it is queued") { try await database.step(lost.step.job).state == .queued }
            }
            let poison = try await database.claim(lost.step.job, owner: "gone too").lease
            try await database.expire(poison.step)
            try await run(database, recorder, rescueLimit: 2) {
                try await eventually("it is parked") { try await database.step(lost.step.job).state == .failed }
                try await eventually("it says so") { recorder.lines(from: .warning).count == 3 }
            }
        }
        #expect(
            recorder.lines(from: .warning) == [
                "A step was taken back from a worker that stopped answering",
                "A step was parked: every worker that took it stopped answering",
                "Steps have failed and wait for somebody; see the failures",
            ])
        #expect(recorder.lines.compactMap { $0.metadata["worker"]?.description } == ["gone", "gone too"])
    }

    @Test func `a lease that nobody renews is taken back when it ends, however rare the looks are`() async throws {
        let recorder = LogRecorder()
        try await EngineDatabase.with { database in
            #expect(try await StepStore(database.pool).untilNextExpiry() == nil)
            let held = try await database.claim(try await database.begin(), owner: "here").lease
            let gone = try await database.claim(try await database.begin(), owner: "gone").lease
            try await database.pool.execute(
                """
                UPDATE step SET leased_until = clock_timestamp() + interval '1 second'
                WHERE job_id = \(gone.step.job.uuid) AND state = 'running'
                """)
            let expiry = try #require(try await StepStore(database.pool).untilNextExpiry())
            #expect(expiry <= .seconds(1))
            try await run(database, recorder, interval: .seconds(600)) {
                try await eventually("it is queued") { try await database.step(gone.step.job).state == .queued }
            }
            #expect(try await database.step(held.step.job).state == .running)
        }
    }

    @Test func `a step whose bell was lost is rung for again`() async throws {
        let recorder = LogRecorder()
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            try await database.silence()
            try await database.pool.execute(
                "UPDATE outbox SET rung_at = now() - interval '2 minutes'")
            try await run(database, recorder) {
                try await eventually("a bell is there") {
                    try await database.bells() == [StepID(job: job, ordinal: 1)]
                }
            }
        }
    }

    @Test func `months past retention go, those to come are made`() async throws {
        let recorder = LogRecorder()
        try await EngineDatabase.with { database in
            _ = try await database.pool.query("SELECT create_month_partitions('2019-01-01')::text")
            try await database.pool.execute(
                "DO $$ BEGIN EXECUTE 'DROP TABLE job_' || to_char(now() + interval '2 months', 'YYYY_MM'); END $$")
            func exists(_ expression: PostgresQuery) async throws -> Bool {
                try await database.pool.query("SELECT to_regclass(\(expression)) IS NOT NULL").first?
                    .decode(at: 0, as: Bool.self) ?? false
            }
            #expect(try await exists("'job_2019_01'"))
            try await run(database, recorder) {
                try await eventually("the old ones are gone") { try await !exists("'job_2019_01'") }
                try await eventually("the new ones are there") {
                    try await exists("'job_' || to_char(now() + interval '2 months', 'YYYY_MM')")
                }
            }
        }
        #expect(recorder.lines(from: .info).contains("Dropped tables of months past retention"))
    }

    @Test func `an outage is logged once, not at every look`() async throws {
        let recorder = LogRecorder()
        try await EngineDatabase.with { database in
            try await database.pool.execute("ALTER TABLE step RENAME TO step_away")
            try await run(database, recorder) {
                try await eventually("it complains") { !recorder.lines(from: .warning).isEmpty }
                let end = ContinuousClock.now + .milliseconds(300)
                try await eventually("several looks go by") { ContinuousClock.now >= end }
                try await database.pool.execute("ALTER TABLE step_away RENAME TO step")
                let lost = try await database.claim(try await database.begin()).lease
                try await database.expire(lost.step)
                try await eventually("it goes on") { try await database.step(lost.step.job).state == .queued }
            }
        }
        #expect(recorder.lines(from: .warning).count { $0 == "Maintenance cannot reach its tables" } == 1)
    }
}
