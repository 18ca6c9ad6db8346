import EngineTestSupport
import Foundation
import Jobs
import Postgres
import Scheduler
import Schedules
import Storage
import TestSupport
import Testing

/// What a tick does about jobs that still run, and about those that failed.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct OverlapTests {
    private let midnight = Date(timeIntervalSince1970: 1_772_323_200)

    private func tick(_ database: EngineDatabase, hour: Int) async throws {
        let moment = midnight.addingTimeInterval(Double(hour) * 3600)
        try await SchedulerService(
            database: database.pool, configuration: SchedulerConfiguration(), now: { moment },
            logger: EngineDatabase.logger
        ).tick()
    }

    private func put(
        _ database: EngineDatabase, _ slug: String = "nightly", _ change: (inout ScheduleDefinition) -> Void
    ) async throws {
        var definition = ScheduleDefinition(cron: "0 * * * *", timeZone: "UTC")
        change(&definition)
        try await ScheduleStore(database.pool).put(
            slug, integration: database.integration, kind: .rosterSync, definition: definition,
            next: .init(planned: midnight, start: midnight))
    }

    private func last(_ database: EngineDatabase) async throws -> OccurrenceView {
        try #require(try await database.queries.schedules().rows.first?.lastOccurrence)
    }

    @Test func `skip leaves the running job alone and names it`() async throws {
        try await EngineDatabase.with { database in
            try await put(database) { $0.overlap = .skip }
            try await tick(database, hour: 0)
            let job = try #require(try await last(database).job)
            try await tick(database, hour: 1)
            let skipped = try await last(database)
            #expect(skipped.outcome == .skipped && skipped.job == nil)
            #expect(skipped.reason?.contains(job.description) == true)
            #expect(try await database.queries.jobs().rows.count == 1)
            try await database.pool.execute("UPDATE job SET state = 'completed', finished_at = now()")
            try await tick(database, hour: 2)
            #expect(try await last(database).outcome == .started)
        }
    }

    @Test func `queue lets one wait and skips the next`() async throws {
        try await EngineDatabase.with { database in
            try await put(database) { $0.overlap = .queue }
            for hour in 0...2 { try await tick(database, hour: hour) }
            let outcomes = try await database.queries.occurrences(
                of: try #require(try await database.queries.schedules().rows.first).id)
            #expect(outcomes.map(\.outcome) == [.skipped, .started, .started])
            let waiting = try await database.pool.query(
                "SELECT job_id, after_job FROM outbox WHERE after_job IS NOT NULL")
            let (job, after) = try #require(waiting.first).decode((UUID.self, UUID.self))
            #expect([JobID(job), JobID(after)] == outcomes.dropFirst().map(\.job))
        }
    }

    @Test func `cancel ends the other job, and the new one begins`() async throws {
        try await EngineDatabase.with { database in
            try await put(database) { $0.overlap = .cancel }
            try await tick(database, hour: 0)
            let first = try #require(try await last(database).job)
            try await tick(database, hour: 1)
            let second = try #require(try await last(database).job)
            let states = try await database.queries.jobs().rows.map { ($0.id, $0.state) }
            #expect(states.first { $0.0 == first }?.1 == .cancelled)
            #expect(states.first { $0.0 == second }?.1 == .inProgress)
            #expect(try await database.bells() == [StepID(job: second, ordinal: 1)])
        }
    }

    @Test func `while the other job's step runs, the new one waits for its end`() async throws {
        try await EngineDatabase.with { database in
            try await put(database) { $0.overlap = .cancel }
            try await tick(database, hour: 0)
            let first = try #require(try await last(database).job)
            _ = try await database.claim(first)
            try await tick(database, hour: 1)
            let second = try #require(try await last(database).job)
            let row = try await database.pool.query("SELECT after_job FROM outbox WHERE job_id = \(second.uuid)").first
            #expect(try row?.decode(at: 0, as: UUID?.self) == first.uuid)
        }
    }

    @Test func `two schedules of an integration in one tick do not overlap`() async throws {
        try await EngineDatabase.with { database in
            try await put(database, "first") { $0.overlap = .skip }
            try await put(database, "second") { $0.overlap = .skip }
            try await tick(database, hour: 0)
            let outcomes = try await database.queries.schedules().rows.map { $0.lastOccurrence?.outcome.rawValue ?? "" }
            #expect(outcomes.sorted() == ["skipped", "started"])
        }
    }

    @Test func `failures in a row pause the schedule until it is resumed`() async throws {
        try await EngineDatabase.with { database in
            try await put(database) { $0.pauseAfterFailures = 2 }
            for hour in 0...2 {
                try await tick(database, hour: hour)
                try await database.pool.execute("UPDATE job SET state = 'failed', finished_at = now()")
            }
            let view = try #require(try await database.queries.schedules().rows.first)
            #expect(view.lastOccurrence?.outcome == .paused)
            #expect(view.pause?.reason == "its last 2 jobs failed")
            try await tick(database, hour: 3)
            #expect(try await last(database).outcome == .paused)
            let resumed = midnight.addingTimeInterval(3.5 * 3600)
            // Begun before the pause ended; by the clock of the test, which is not the database's.
            try await database.pool.execute("UPDATE occurrence SET fired_at = planned_at")
            _ = try await database.pool.withTransaction {
                try await ScheduleOperations($0).resume(view.id, now: resumed)
            }
            try await tick(database, hour: 4)
            #expect(try await last(database).outcome == .started)
        }
    }

    @Test func `what a success interrupts is no row of failures`() async throws {
        try await EngineDatabase.with { database in
            try await put(database) { $0.pauseAfterFailures = 2 }
            for (hour, state) in [(0, "failed"), (1, "warning"), (2, "failed"), (3, "")] {
                try await tick(database, hour: hour)
                try await database.pool.execute(
                    "UPDATE job SET state = \(state), finished_at = now() WHERE finished_at IS NULL AND \(state) <> ''")
            }
            #expect(try await last(database).outcome == .started)
        }
    }
}
