import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(1)))
struct ScheduleStoreTests {
    private let moment = Date(timeIntervalSince1970: 1_760_000_000)

    private func put(_ database: EngineDatabase, _ slug: String, next: Date?, paused: Bool = false) async throws {
        try await ScheduleStore(database.pool).put(
            slug, integration: database.integration, kind: .rosterSync, cron: "0 2 * * *", timeZone: "UTC",
            paused: paused, nextAt: next)
    }

    @Test func `an occurrence is written once, whoever comes second is told`() async throws {
        try await EngineDatabase.with { database in
            try await put(database, "nightly", next: moment)
            let store = ScheduleStore(database.pool)
            let schedule = try #require(try await store.takeDue(now: moment, limit: 1).first)
            func record(slot: String = "02:00", fold: Int = 0) async throws -> Bool {
                try await store.record(
                    schedule: schedule.id, localDate: "2026-03-01", slot: slot, fold: fold, plannedAt: moment, job: nil)
            }
            #expect(try await record())
            #expect(try await !record())
            #expect(try await record(fold: 1))
            #expect(try await record(slot: "02:30"))
        }
    }

    @Test func `only what is due and not paused is taken, the most overdue first`() async throws {
        try await EngineDatabase.with { database in
            try await put(database, "late", next: moment.addingTimeInterval(-10))
            try await put(database, "later", next: moment.addingTimeInterval(-20))
            try await put(database, "future", next: moment.addingTimeInterval(1))
            try await put(database, "paused", next: moment, paused: true)
            try await put(database, "never", next: nil)
            let store = ScheduleStore(database.pool)
            #expect(try await store.takeDue(now: moment, limit: 10).map(\.slug) == ["later", "late"])
            #expect(try await store.takeDue(now: moment, limit: 1).map(\.slug) == ["later"])
        }
    }

    @Test func `putting a schedule again replaces it`() async throws {
        try await EngineDatabase.with { database in
            try await put(database, "nightly", next: moment)
            try await put(database, "nightly", next: nil, paused: true)
            let rows = try await database.queries.schedules().rows
            #expect(rows.map(\.slug) == ["nightly"])
            #expect(rows.first?.isPaused == true)
        }
    }
}
