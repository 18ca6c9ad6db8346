internal import Foundation
internal import Logging
internal import Postgres
internal import Scheduler

/// What a look of the scheduler costs: with nothing due, and with 100 schedules due.
struct ScheduleTicks: Codable, Sendable {
    let schedules: Int
    /// Milliseconds of a look, the median of many.
    let idle: Double
    let due: Int
    /// Milliseconds until all that was due has fired.
    let firing: Double

    static func measure(_ round: Round, schedules: Int) async throws -> ScheduleTicks {
        let pool = round.pool
        try await pool.execute(
            """
            INSERT INTO schedule (integration_id, slug, kind, cron, time_zone, overlap, next_at)
            SELECT (SELECT id FROM integration LIMIT 1), 's' || n, 'roster_sync', '* * * * *', 'Europe/Berlin', 'allow',
                now() + interval '1 day' * (1 + n::float8 / \(schedules)) FROM generate_series(1, \(schedules)) AS n
            """)
        try await pool.execute("ANALYZE schedule")
        let scheduler = SchedulerService(
            database: pool, configuration: SchedulerConfiguration(),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        var looks: [Double] = []
        for _ in 0..<50 {
            looks.append(try await milliseconds { _ = try await scheduler.tick() })
        }
        let due = min(100, schedules)
        try await pool.execute(
            """
            UPDATE schedule SET next_at = date_trunc('minute', now()) - interval '1 minute'
            WHERE id IN (SELECT id FROM schedule ORDER BY id LIMIT \(due))
            """)
        let firing = try await milliseconds {
            while try await scheduler.tick() > 0 {}
        }
        let begun = try await pool.query("SELECT count(*)::int FROM job").first?.decode(at: 0, as: Int.self) ?? 0
        guard begun == due else { throw BenchError("\(due) schedules were due, and \(begun) jobs began.") }
        return ScheduleTicks(schedules: schedules, idle: looks.median ?? 0, due: due, firing: firing)
    }

    private static func milliseconds(_ work: () async throws -> Void) async rethrows -> Double {
        let begin = ContinuousClock.now
        try await work()
        return (ContinuousClock.now - begin) / .milliseconds(1)
    }
}
