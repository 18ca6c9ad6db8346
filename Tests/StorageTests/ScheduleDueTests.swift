import EngineTestSupport
import Foundation
import Jobs
import Postgres
import Schedules
import TestSupport
import Testing

@testable import Storage

/// What a tick costs beside very many schedules.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct ScheduleDueTests {
    private struct Plan: Decodable {
        struct Node: Decodable {
            let plans: [Node]?
            let indexName: String?
            let nodeType: String
            let hits: Int
            let reads: Int

            enum CodingKeys: String, CodingKey {
                case plans = "Plans"
                case indexName = "Index Name"
                case nodeType = "Node Type"
                case hits = "Shared Hit Blocks"
                case reads = "Shared Read Blocks"
            }

            var all: [Node] { [self] + (plans ?? []).flatMap(\.all) }
        }

        let plan: Node

        enum CodingKeys: String, CodingKey { case plan = "Plan" }
    }

    @Test(arguments: [0, 100])
    func `beside 100 000 schedules a look reads what is due`(due: Int) async throws {
        let moment = Date(timeIntervalSince1970: 1_760_000_000)
        try await EngineDatabase.with { database in
            try await database.pool.execute(
                """
                INSERT INTO schedule (integration_id, slug, kind, cron, time_zone, next_at, next_planned_at)
                SELECT \(database.integration), 's' || n, 'roster_sync', '0 2 * * *', 'UTC', at, at
                FROM generate_series(1, 100000) AS n,
                    LATERAL (SELECT \(moment) + make_interval(secs => CASE WHEN n <= \(due) THEN -n ELSE n END) AS at) t
                """)
            try await database.pool.execute("ANALYZE schedule")
            let rows = try await database.pool.query(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) \(ScheduleStore.due(now: moment, limit: 100))")
            let json = try #require(rows.first).decode(at: 0, as: PostgresJSON.self).text
            let plan = try #require(try JSONDecoder().decode([Plan].self, from: Data(json.utf8)).first).plan
            #expect(plan.all.contains { $0.indexName == "schedule_due" }, "\(json)")
            #expect(!plan.all.contains { $0.nodeType == "Seq Scan" || $0.nodeType == "Sort" })
            // The whole table has some 2 500 pages.
            #expect(plan.hits + plan.reads < 20 + 6 * due, "\(json)")
            #expect(try await ScheduleStore(database.pool).takeDue(now: moment, limit: 1000).count == due)
        }
    }
}
