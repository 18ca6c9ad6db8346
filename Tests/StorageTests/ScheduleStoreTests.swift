import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Schedules
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct ScheduleStoreTests {
    private let moment = Date(timeIntervalSince1970: 1_760_000_000)

    private func put(
        _ database: EngineDatabase, _ slug: String, next: Date?, paused: Bool? = nil, cron: String = "0 2 * * *",
        _ change: (inout ScheduleDefinition) -> Void = { _ in }
    ) async throws {
        var definition = ScheduleDefinition(cron: cron, timeZone: "UTC")
        change(&definition)
        try await ScheduleStore(database.pool).put(
            slug, integration: database.integration, kind: .rosterSync, definition: definition, paused: paused,
            next: .init(planned: next, start: next))
    }

    private func record(
        _ schedule: Int64, fold: Int = 0, minute: Int = 120, outcome: OccurrenceOutcome = .missed, job: JobID? = nil
    ) throws -> ScheduleStore.Record {
        ScheduleStore.Record(
            schedule: schedule,
            occurrence: PlannedOccurrence(
                date: try #require(CivilDate("2026-03-01")), minute: minute, fold: fold, instant: moment),
            outcome: outcome, reason: "because", job: job)
    }

    @Test func `an occurrence is written once, and only what began nothing may be replaced`() async throws {
        try await EngineDatabase.with { database in
            try await put(database, "nightly", next: moment)
            let store = ScheduleStore(database.pool)
            let id = try #require(try await store.takeDue(now: moment, limit: 1).first).id
            #expect(try await store.record([record(id), record(id, fold: 1), record(id, minute: 150)]) == 3)
            #expect(try await store.record([record(id), record(id, minute: 180)]) == 1)
            #expect(try await store.record([record(id, outcome: .backfilled, job: .random())], replacing: true) == 1)
            #expect(try await store.record([record(id, outcome: .backfilled, job: .random())], replacing: true) == 0)
            #expect(try await store.record([]) == 0)
        }
    }

    @Test func `a schedule of a newer version is left to a scheduler that knows it, and says so to who asks for it`()
        async throws
    {
        try await EngineDatabase.with { database in
            try await put(database, "dance", next: moment)
            try await put(database, "nightly", next: moment)
            try await database.pool.execute("UPDATE schedule SET kind = 'dance' WHERE slug = 'dance'")
            let store = ScheduleStore(database.pool)
            #expect(try await store.takeDue(now: moment, limit: 9).map(\.slug) == ["nightly"])
            let error = await #expect(throws: StorageError.self) {
                try await store.take("dance", integration: database.integration)
            }
            #expect(error?.code == .unknownWord)
            #expect(error?.message.contains("Upgrade this process") == true)
        }
    }

    @Test func `only what is due is taken, the most overdue first, paused or not`() async throws {
        try await EngineDatabase.with { database in
            try await put(database, "late", next: moment.addingTimeInterval(-10))
            try await put(database, "later", next: moment.addingTimeInterval(-20), paused: true)
            try await put(database, "future", next: moment.addingTimeInterval(1))
            try await put(database, "never", next: nil)
            let store = ScheduleStore(database.pool)
            #expect(try await store.takeDue(now: moment, limit: 10).map(\.slug) == ["later", "late"])
            #expect(try await store.takeDue(now: moment, limit: 1).map(\.slug) == ["later"])
        }
    }

    @Test func `what a schedule says comes back as it was put`() async throws {
        try await EngineDatabase.with { database in
            let range = QuietRange(
                .rollover, from: try #require(LocalMinute("2026-06-20")),
                until: try #require(LocalMinute("2026-08-15T06:30")), name: "Sommer \"26\"")
            func change(_ definition: inout ScheduleDefinition) {
                definition.overlap = .cancel
                definition.catchUp = CatchUp(.each, window: 90)
                definition.jitterSeconds = 17
                definition.pauseAfterFailures = 3
                definition.quiet = [range]
            }
            try await put(database, "nightly", next: moment, change)
            var expected = ScheduleDefinition(cron: "0 2 * * *", timeZone: "UTC")
            change(&expected)
            let stored = try #require(try await ScheduleStore(database.pool).takeDue(now: moment, limit: 1).first)
            #expect(stored.definition == expected)
            #expect(stored.pause == nil && stored.nextPlanned == moment)
            let view = try #require(try await database.queries.schedules().rows.first)
            #expect(view.definition == expected && view.name == "school/nightly/nightly")
            #expect(
                try await database.queries.schedule(institution: "school", integration: "nightly", slug: "nightly")
                    == view.id)
            #expect(try await database.queries.schedule(view.id) == view)
        }
    }

    @Test func `to describe a schedule again loses nothing that is due, unless its times change`() async throws {
        try await EngineDatabase.with { database in
            let later = moment.addingTimeInterval(86_400)
            func next() async throws -> Date? { try await database.queries.schedules().rows.first?.nextAt }
            try await put(database, "nightly", next: moment)
            try await put(database, "nightly", next: later) { $0.overlap = .allow }
            #expect(try await next() == moment)
            try await put(database, "nightly", next: later) { $0.jitterSeconds = 1 }
            #expect(try await next() == later)
            try await put(database, "nightly", next: moment, cron: "0 3 * * *")
            #expect(try await next() == moment)
            #expect(try await database.queries.schedules().rows.count == 1)
        }
    }

    @Test func `a description pauses and resumes, or leaves a pause as it is`() async throws {
        try await EngineDatabase.with { database in
            func pause() async throws -> SchedulePause? { try await database.queries.schedules().rows.first?.pause }
            try await put(database, "nightly", next: moment, paused: true)
            let first = try #require(try await pause())
            #expect(first.until == nil)
            try await put(database, "nightly", next: moment, paused: true)
            try await put(database, "nightly", next: moment)
            #expect(try await pause() == first)
            try await put(database, "nightly", next: moment, paused: false)
            #expect(try await pause()?.until != nil)
            try await put(database, "nightly", next: moment, paused: true)
            #expect(try await pause()?.until == nil)
        }
    }
}
