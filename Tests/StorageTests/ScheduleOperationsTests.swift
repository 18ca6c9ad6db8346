import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Schedules
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct ScheduleOperationsTests {
    /// 10 October 2025, 12:00 UTC.
    private let now = Date(timeIntervalSince1970: 1_760_097_600)

    /// A schedule that fires each night at two, next on the eleventh.
    private func put(_ database: EngineDatabase, cron: String = "0 2 * * *") async throws -> Int64 {
        let next = now.addingTimeInterval(14 * 3600)
        try await ScheduleStore(database.pool).put(
            "nightly", integration: database.integration, kind: .rosterSync,
            definition: ScheduleDefinition(cron: cron, timeZone: "UTC"), next: .init(planned: next, start: next))
        return try #require(
            try await database.queries.schedule(institution: "school", integration: "nightly", slug: "nightly"))
    }

    private func operate<Value: Sendable>(
        _ database: EngineDatabase, _ body: @Sendable (ScheduleOperations) async throws -> Value
    ) async throws -> Value {
        try await database.pool.withTransaction { try await body(ScheduleOperations($0)) }
    }

    /// Each job and the one that it waits for.
    private func waits(_ database: EngineDatabase) async throws -> [JobID: JobID?] {
        let rows = try await database.pool.query("SELECT job_id, after_job FROM outbox WHERE ordinal = 1")
        return try Dictionary(
            uniqueKeysWithValues: rows.map { row in
                let (job, after) = try row.decode((UUID.self, UUID?.self))
                return (JobID(job), after.map { JobID($0) })
            })
    }

    @Test func `run now begins a job, and another only if it is told how`() async throws {
        try await EngineDatabase.with { database in
            let id = try await put(database)
            let first = try await operate(database) { try await $0.run(id, guarded: .refuse, by: "dana") }
            guard case .begun(let job, nil) = first else { throw CancellationError() }
            #expect(try await database.queries.jobs().rows.map(\.postedBy) == ["dana, schedule nightly"])
            guard
                case .refused(let others) = try await operate(
                    database, { try await $0.run(id, guarded: .refuse, by: "dana") })
            else { throw CancellationError() }
            #expect(others == [job])
            guard
                case .begun(let second, job) = try await operate(
                    database, { try await $0.run(id, guarded: .after, by: "dana") })
            else { throw CancellationError() }
            guard
                case .begun(let third, nil) = try await operate(
                    database, { try await $0.run(id, guarded: .anyway, by: "dana") })
            else { throw CancellationError() }
            #expect(try await waits(database) == [job: nil, second: job, third: nil])
        }
    }

    @Test func `a pause is written, can be changed, and ends`() async throws {
        try await EngineDatabase.with { database in
            let id = try await put(database)
            func pause() async throws -> SchedulePause? { try await database.queries.schedule(id)?.pause }
            let later = now.addingTimeInterval(86_400)
            try await operate(database) {
                try await $0.pause(id, until: nil, reason: "repairs", by: "dana", now: now)
            }
            #expect(try await pause() == SchedulePause(from: now, reason: "repairs", by: "dana"))
            let soon = now.addingTimeInterval(60)
            try await operate(database) { try await $0.pause(id, until: later, reason: "more", by: "kim", now: soon) }
            #expect(try await pause() == SchedulePause(from: now, until: later, reason: "more", by: "kim"))
            #expect(try await operate(database) { try await $0.resume(id, now: soon) })
            #expect(try await !operate(database) { try await $0.resume(id, now: soon) })
            #expect(try await pause()?.covers(soon) == false)
            #expect(try await pause()?.covers(now) == true)
            await #expect(throws: ScheduleError.self) {
                try await operate(database) { try await $0.pause(id, until: now, reason: "", by: "kim", now: now) }
            }
            await #expect(throws: StorageError.self) {
                try await operate(database) { try await $0.resume(99_999, now: now) }
            }
        }
    }

    @Test func `the audit tells whether the schedule was paused before each action`() async throws {
        try await EngineDatabase.with { database in
            let id = try await put(database)
            let actions = OperatorActions(database.pool)
            let later = now.addingTimeInterval(86_400)
            try await actions.pauseSchedule(id, until: nil, by: "dana", reason: "repairs", now: now)
            try await actions.pauseSchedule(id, until: later, by: "dana", reason: "more", now: now)
            #expect(try await actions.resumeSchedule(id, by: "dana", reason: nil, now: now.addingTimeInterval(60)))
            _ = try await actions.runSchedule(id, guarded: .refuse, by: "dana", reason: nil)
            let day = try #require(CivilDate("2025-10-08"))
            _ = try await actions.backfillSchedule(
                id, from: day, through: day, expected: nil, by: "dana", reason: nil, now: later)
            let rows = try await actions.audit.rows(AuditFilter(subject: "schedule school/nightly/nightly")).rows
            let free = #"{"paused": "false"}"#
            #expect(
                rows.reversed().map(\.before) == [
                    free, #"{"paused": "true"}"#, #"{"until": "2025-10-11T12:00:00Z", "paused": "true"}"#, free, free,
                ])
        }
    }

    @Test func `a backfill begins what never began, in order, one after the other`() async throws {
        try await EngineDatabase.with { database in
            let id = try await put(database)
            let first = try #require(CivilDate("2025-10-06"))
            let last = try #require(CivilDate("2025-10-20"))
            let running = try await database.begin()
            let store = ScheduleStore(database.pool)
            let planned = try await operate(database) {
                try await $0.backfillPlan(of: id, from: first, through: last, now: now)
            }
            // The eleventh and later are the scheduler's.
            #expect(planned.map(\.date.day) == [6, 7, 8, 9, 10])
            try await store.record([
                .init(schedule: id, occurrence: planned[1], outcome: .started, reason: nil, job: .random()),
                .init(schedule: id, occurrence: planned[2], outcome: .blackout, reason: "Exams", job: nil),
            ])
            await #expect(throws: ScheduleError.self) {
                try await operate(database) {
                    try await $0.backfill(id, from: first, through: last, expected: 5, by: "dana", now: now)
                }
            }
            let jobs = try await operate(database) {
                try await $0.backfill(id, from: first, through: last, expected: 4, by: "dana", now: now)
            }
            #expect(jobs.count == 4)
            var expected: [JobID: JobID?] = [running: nil]
            for (job, before) in zip(jobs, [running] + jobs) { expected[job] = before }
            #expect(try await waits(database) == expected)
            let occurrences = try await database.queries.occurrences(of: id)
            #expect(occurrences.map(\.outcome) == [.backfilled, .backfilled, .backfilled, .started, .backfilled])
            #expect(occurrences.first?.reason == "Begun later by dana.")
            let again = try await operate(database) {
                try await $0.backfill(id, from: first, through: last, expected: nil, by: "dana", now: now)
            }
            #expect(again.isEmpty)
        }
    }

    @Test func `a backfill has a limit, and says so`() async throws {
        try await EngineDatabase.with { database in
            let id = try await put(database, cron: "*/5 * * * *")
            let error = await #expect(throws: ScheduleError.self) {
                try await operate(database) {
                    try await $0.backfillPlan(
                        of: id, from: CivilDate(dayNumber: 20_000), through: CivilDate(dayNumber: 20_002), now: now)
                }
            }
            #expect(error?.description.contains("366 may be begun at once") == true)
            await #expect(throws: ScheduleError.self) {
                try await operate(database) {
                    try await $0.backfillPlan(
                        of: id, from: CivilDate(dayNumber: 20_002), through: CivilDate(dayNumber: 20_001), now: now)
                }
            }
        }
    }
}
