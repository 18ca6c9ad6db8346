import EngineTestSupport
import Foundation
import Jobs
import Logging
import NIOConcurrencyHelpers
import Postgres
import Scheduler
import Schedules
import Storage
import TestSupport
import Testing

/// The service over a real database, with a clock that the test turns.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct SchedulerServiceTests {
    /// Midnight, UTC.
    private let midnight = Date(timeIntervalSince1970: 1_772_323_200)

    private func service(
        _ database: EngineDatabase, at moment: Date, recorder: LogRecorder = LogRecorder()
    ) -> SchedulerService {
        SchedulerService(
            database: database.pool, configuration: SchedulerConfiguration(interval: .milliseconds(50), batch: 2),
            now: { moment }, logger: recorder.logger)
    }

    private func put(
        _ database: EngineDatabase, _ slug: String = "nightly", cron: String = "0 * * * *", zone: String = "UTC",
        paused: Bool? = nil, next: Date? = nil, _ change: (inout ScheduleDefinition) -> Void = { $0.overlap = .allow }
    ) async throws {
        var definition = ScheduleDefinition(cron: cron, timeZone: zone)
        change(&definition)
        let next = next ?? midnight
        try await ScheduleStore(database.pool).put(
            slug, integration: database.integration, kind: .rosterSync, definition: definition, paused: paused,
            next: .init(planned: next, start: next))
    }

    private func occurrences(_ database: EngineDatabase) async throws -> [String] {
        try await database.pool.query(
            """
            SELECT local_date::text || ' ' || slot::text || ' ' || outcome || ' ' || (job_id IS NOT NULL)::text
            FROM occurrence ORDER BY local_date, slot, fold
            """
        ).map { try $0.decode(at: 0, as: String.self) }
    }

    @Test func `a schedule that is due starts one job and knows when it is due next`() async throws {
        try await EngineDatabase.with { database in
            try await put(database)
            #expect(try await service(database, at: midnight.addingTimeInterval(-1)).tick() == 0)
            #expect(try await service(database, at: midnight).tick() == 1)
            #expect(try await service(database, at: midnight).tick() == 0)
            let jobs = try await database.queries.jobs().rows
            #expect(jobs.map(\.postedBy) == ["schedule nightly"])
            #expect(jobs.map(\.state) == [.inProgress])
            #expect(try await database.bells() == [StepID(job: try #require(jobs.first).id, ordinal: 1)])
            let view = try #require(try await database.queries.schedules().rows.first)
            #expect(view.nextAt == midnight.addingTimeInterval(3600))
            #expect(view.lastOccurrence?.job == jobs.first?.id)
            #expect(view.lastOccurrence?.plannedAt == midnight)
        }
    }

    @Test func `however many schedulers run, each occurrence starts one job`() async throws {
        try await EngineDatabase.with { database in
            for number in 1...5 { try await put(database, "s\(number)") }
            let clock = NIOLockedValueBox(midnight)
            let services = (1...5).map { _ in
                SchedulerService(
                    database: database.pool,
                    configuration: SchedulerConfiguration(interval: .milliseconds(10), batch: 2),
                    now: { clock.withLockedValue(\.self) }, logger: EngineDatabase.logger)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for service in services { group.addTask { try await service.run() } }
                defer { group.cancelAll() }
                for hour in 1...4 {
                    try await eventually("all of hour \(hour) have fired") {
                        try await occurrences(database).count == 5 * hour
                    }
                    clock.withLockedValue { $0.addTimeInterval(3600) }
                }
                try await eventually("the last hour has fired") { try await occurrences(database).count == 25 }
            }
            #expect(try await database.queries.jobs(limit: 200).rows.count == 25)
            #expect(try await occurrences(database).allSatisfy { $0.hasSuffix("started true") })
        }
    }

    @Test func `what was missed is recorded, and only the latest within the window starts`() async throws {
        try await EngineDatabase.with { database in
            try await put(database)
            let recorder = LogRecorder()
            let moment = midnight.addingTimeInterval(2 * 3600 + 600)
            #expect(try await service(database, at: moment, recorder: recorder).tick() == 1)
            #expect(
                try await occurrences(database) == [
                    "2026-03-01 00:00:00 missed false", "2026-03-01 01:00:00 missed false",
                    "2026-03-01 02:00:00 started true",
                ])
            #expect(recorder.lines(from: .warning).count { $0 == "An occurrence did not start" } == 2)
            #expect(try await database.queries.schedules().rows.first?.nextAt == midnight.addingTimeInterval(3 * 3600))
        }
    }

    @Test func `beyond the catch-up window nothing starts late`() async throws {
        try await EngineDatabase.with { database in
            try await put(database, cron: "0 0 * * *")
            #expect(try await service(database, at: midnight.addingTimeInterval(7 * 3600)).tick() == 1)
            #expect(try await occurrences(database) == ["2026-03-01 00:00:00 missed false"])
            #expect(try await database.queries.jobs().rows.isEmpty)
            #expect(try await database.queries.schedules().rows.first?.nextAt == midnight.addingTimeInterval(86_400))
        }
    }

    @Test func `a paused schedule begins nothing, and says so`() async throws {
        try await EngineDatabase.with { database in
            try await put(database)
            try await database.pool.execute(
                "UPDATE schedule SET pause_from = \(midnight), pause_by = 'dana', pause_reason = 'repairs'")
            #expect(try await service(database, at: midnight).tick() == 1)
            #expect(try await database.queries.jobs().rows.isEmpty)
            let view = try #require(try await database.queries.schedules().rows.first)
            #expect(view.lastOccurrence?.outcome == .paused)
            #expect(view.lastOccurrence?.reason == "The schedule was paused by dana: repairs.")
            #expect(view.nextAt == midnight.addingTimeInterval(3600))
        }
    }

    @Test(arguments: [("not cron", "UTC"), ("0 2 * * *", "Mars/Olympus"), ("0 0 30 2 *", "UTC")])
    func `a schedule that can never fire rests, and the others go on`(cron: String, zone: String) async throws {
        try await EngineDatabase.with { database in
            try await put(database, "broken", cron: cron, zone: zone, next: midnight.addingTimeInterval(-60))
            try await put(database, "good")
            let recorder = LogRecorder()
            let service = service(database, at: midnight, recorder: recorder)
            #expect(try await service.tick() == 2)
            #expect(try await service.tick() == 0)
            let views = try await database.queries.schedules().rows
            #expect(views.map(\.nextAt) == [nil, midnight.addingTimeInterval(3600)])
            #expect(try await database.queries.jobs().rows.map(\.postedBy) == ["schedule good"])
            #expect(recorder.lines(from: .error).isEmpty == (cron == "0 0 30 2 *"))
        }
    }

    @Test func `an occurrence that is there already starts no second job`() async throws {
        try await EngineDatabase.with { database in
            try await put(database)
            try await service(database, at: midnight).tick()
            // As after a restore of the schedule's row from a backup.
            try await database.pool.execute(
                "UPDATE schedule SET next_at = \(midnight), next_planned_at = \(midnight)")
            #expect(try await service(database, at: midnight).tick() == 1)
            #expect(try await database.queries.jobs().rows.count == 1)
        }
    }

    @Test func `without its tables it says so once, and goes on when they are back`() async throws {
        try await EngineDatabase.with { database in
            try await put(database)
            try await database.pool.execute("ALTER TABLE schedule RENAME TO schedule_away")
            let recorder = LogRecorder()
            let service = service(database, at: midnight, recorder: recorder)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                defer { group.cancelAll() }
                try await eventually("it complains") { !recorder.lines(from: .warning).isEmpty }
                try await database.pool.execute("ALTER TABLE schedule_away RENAME TO schedule")
                try await eventually("it fires") { try await database.queries.jobs().rows.count == 1 }
                try await eventually("it says so") {
                    recorder.lines(from: .info).contains("The scheduler reads its schedules again")
                }
            }
            #expect(recorder.lines(from: .warning) == ["The scheduler cannot read its schedules"])
        }
    }
}
