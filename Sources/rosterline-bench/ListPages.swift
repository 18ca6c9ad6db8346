internal import Foundation
internal import Jobs
internal import Postgres
internal import Storage

/// What a page of the job list costs, beside so many finished jobs.
struct ListPages: Codable, Sendable {
    let finished: Int
    /// Milliseconds, medians of 20: the newest 50 jobs, and 50 jobs of ten days ago.
    let first: Double
    let middle: Double

    /// On a connection with the settings of the status service.
    static func measure(_ round: Round, finished: Int) async throws -> ListPages {
        var configuration = try PostgresConfiguration(url: round.scene.databaseURL(round.database))
        configuration.poolSize = 1
        return try await PostgresPool.withPool(configuration, logger: Round.logger) { pool in
            let queries = StatusQueries(pool)
            let middle = try await pool.query(
                "SELECT uuid_floor(now() - interval '10 days') AS id"
            ).first?.decode("id", as: UUID.self)
            return ListPages(
                finished: finished,
                first: try await median { _ = try await queries.jobs() },
                middle: try await median { _ = try await queries.jobs(before: middle.map { JobID($0) }) })
        }
    }

    private static func median(_ work: () async throws -> Void) async throws -> Double {
        var times: [Double] = []
        for _ in 0..<20 {
            let begin = ContinuousClock.now
            try await work()
            times.append((ContinuousClock.now - begin) / .milliseconds(1))
        }
        return times.median ?? 0
    }
}
