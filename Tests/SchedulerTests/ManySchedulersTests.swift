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

/// Many schedulers over one database, some of which are killed in the middle of a look.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct ManySchedulersTests {
    private static let zones = [
        "America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata",
    ]

    /// Two to fifty schedulers with a connection each, a clock that jumps through the nights around both changes of
    /// clocks, and a kill about each second look: what is written down is what each zone's calculator plans, once, with
    /// a job each.
    @Test(
        arguments: [
            (from: "2026-03-07T00:00:00Z", to: "2026-03-09T12:00:00Z"),
            (from: "2026-10-24T12:00:00Z", to: "2026-10-26T12:00:00Z"),
        ], [2, 5, 50])
    func `any number of schedulers that die at any time fire each occurrence once`(
        period: (from: String, to: String), count: Int
    ) async throws {
        let begin = try #require(ISO8601DateFormatter().date(from: period.from))
        let end = try #require(ISO8601DateFormatter().date(from: period.to))
        try await EngineDatabase.with { database in
            var expected: [String: [Date]] = [:]
            for (index, zone) in Self.zones.enumerated() {
                var definition = ScheduleDefinition(
                    cron: index % 2 == 0 ? "*/30 0-4 * * *" : "15,45 * * * *", timeZone: zone)
                definition.overlap = .allow
                // However slow the machine: the clock goes on without it.
                definition.catchUp = CatchUp(.each, window: 20 * 86_400)
                let rules = try definition.rules()
                let planned = rules.calculator.occurrences(
                    after: begin.addingTimeInterval(-1), through: end, limit: .max)
                expected["s\(index)"] = planned.map(\.instant)
                let next = try #require(planned.first).instant
                try await ScheduleStore(database.pool).put(
                    "s\(index)", integration: database.integration, kind: .rosterSync, definition: definition,
                    next: .init(planned: next, start: next))
            }
            let clock = NIOLockedValueBox(begin)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for seed in 1...count {
                    group.addTask {
                        var configuration = database.configuration
                        configuration.poolSize = 1
                        try await PostgresPool.withPool(configuration, logger: EngineDatabase.logger) { pool in
                            try await lookUntilKilled(pool, clock, end: end, seed: UInt64(seed))
                        }
                    }
                }
                while clock.withLockedValue(\.self) < end {
                    try await Task.sleep(for: .milliseconds(15))
                    clock.withLockedValue { $0 = min($0.addingTimeInterval(1800), end) }
                }
                try await group.waitForAll()
            }
            for (slug, instants) in expected {
                #expect(try await fired(database, slug) == instants, "\(slug)")
            }
            let (jobs, doubles) = try #require(
                try await database.pool.query("SELECT count(*), count(*) - count(DISTINCT job_id) FROM occurrence")
                    .first
            ).decode((Int64.self, Int64.self))
            #expect(doubles == 0)
            let begun = try #require(try await database.pool.query("SELECT count(*) FROM job").first)
                .decode(at: 0, as: Int64.self)
            #expect(begun == jobs)
        }
    }

    /// Looks again and again; each second look is cancelled after a random time, as by a kill.
    private func lookUntilKilled(
        _ pool: PostgresPool, _ clock: NIOLockedValueBox<Date>, end: Date, seed: UInt64
    ) async throws {
        let service = SchedulerService(
            database: pool, configuration: SchedulerConfiguration(batch: 3),
            now: { clock.withLockedValue(\.self) }, logger: EngineDatabase.logger)
        var state = seed
        while true {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let isLast = clock.withLockedValue(\.self) >= end
            if !isLast, state >> 33 % 2 == 0 {
                let delay = Int(state >> 40 % 4000)
                await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await service.tick() }
                    group.addTask { try await Task.sleep(for: .microseconds(delay)) }
                    // Whichever is first: a look that is not done by then is cut off.
                    _ = await group.nextResult()
                    group.cancelAll()
                    while await group.nextResult() != nil {}
                }
            } else if try await service.tick() == 0, isLast {
                return
            }
        }
    }

    private func fired(_ database: EngineDatabase, _ slug: String) async throws -> [Date] {
        try await database.pool.query(
            """
            SELECT o.planned_at FROM occurrence o JOIN schedule c ON c.id = o.schedule_id
            WHERE c.slug = \(slug) AND o.outcome = 'started' ORDER BY o.planned_at
            """
        ).map { try $0.decode(at: 0, as: Date.self) }
    }
}
