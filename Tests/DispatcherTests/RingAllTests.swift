import Dispatcher
import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

/// Ringing for all that waits must be what the policy would have decided, and must not happen where there is anything
/// to decide.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct RingAllTests {
    private func ringAll(_ database: EngineDatabase, limit: Int = 64, window: Int = 1000) async throws -> [StepID]? {
        try await OutboxStore.ringAll(limit: limit, window: window, dispatcher: 7, in: database.pool)?.map(
            \.message.step)
    }

    private func ticket(_ job: JobID) -> StepID { StepID(job: job, ordinal: 1) }

    @Test func `all that is due is rung once, the more urgent first, and what is not due waits`() async throws {
        try await EngineDatabase.with { database in
            let requests = [JobPriority.nightly, .manual, .nightly].map { priority in
                JobRequest(.rosterSync, integration: database.integration, postedBy: "test", priority: priority)
            }
            for request in requests { try await database.jobs.begin([request]) }
            let later = try await database.begin()
            try await database.pool.execute(
                "UPDATE outbox SET due_at = now() + interval '1 hour' WHERE job_id = \(later.uuid)")
            let order = [requests[1], requests[0], requests[2]].map { ticket($0.id) }
            #expect(try await ringAll(database) == order)
            #expect(try await ringAll(database) == [])
            #expect(try await database.bells() == [ticket(later)])
            let marks = try await database.pool.query(
                "SELECT count(*)::int AS n FROM outbox WHERE rung_by = 7 AND rings = 1")
            #expect(try marks.first?.decode("n") == 3)
        }
    }

    @Test func `a kind of a newer version is left to a dispatcher that knows it`() async throws {
        try await EngineDatabase.with { database in
            let strange = try await database.begin()
            let known = try await database.begin()
            try await database.pool.execute("UPDATE outbox SET kind = 'of_tomorrow' WHERE job_id = \(strange.uuid)")
            #expect(try await ringAll(database) == [ticket(known)])
            #expect(try await database.bells() == [ticket(strange)])
        }
    }

    @Test func `whoever has no turn rings for nothing`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            try await database.pool.withTransaction { other in
                let turn = try await OutboxStore(other).takeTurn(limit: 1)
                #expect(turn != nil)
                let rung = try await ringAll(database)
                #expect(rung == [])
            }
            #expect(try await ringAll(database) == [ticket(job)], "the turn is given back with the transaction")
            let another = try await database.begin()
            #expect(try await ringAll(database) == [ticket(another)], "and so is this one's")
        }
    }

    @Test(arguments: [
        ("UPDATE institution SET concurrent_steps = 3", true), ("UPDATE institution SET concurrent_steps = 4", false),
        ("UPDATE institution SET steps_per_minute = 600", true),
        ("UPDATE institution SET concurrent_steps = NULL", false),
    ])
    func `where somebody may have to wait, nothing is rung and the policy is asked`(
        change: String, isDecided: Bool
    ) async throws {
        try await EngineDatabase.with { database in
            try await database.pool.execute("UPDATE institution SET concurrent_steps = 9")
            for _ in 0..<2 { _ = try await database.begin() }
            try await database.silence()
            for _ in 0..<2 { _ = try await database.begin() }
            try await database.pool.execute(PostgresQuery(unescaped: change))
            #expect(try await ringAll(database)?.count == (isDecided ? nil : 2))
            #expect(try await database.bells().count == (isDecided ? 2 : 0))
        }
    }

    @Test(arguments: [
        "'institution', 'a', n.id", "'integration', 'a/b', 4711", "'queue', 'convert', NULL::bigint",
        "'kind', 'enrich', NULL::bigint",
    ])
    func `what is paused waits, and what is not is rung without a decision`(pause: String) async throws {
        try await EngineDatabase.with { database in
            // One step that each of the pauses means, and one that none of them does.
            try await database.pool.execute(
                PostgresQuery(
                    unescaped: """
                        WITH n AS (INSERT INTO institution (slug, name) VALUES ('a', 'A') RETURNING id), t AS (
                            INSERT INTO outbox (job_id, ordinal, institution_id, integration_id, job_kind, kind,
                                priority, due_at)
                            SELECT gen_random_uuid(), 1, n.id, 4711, 'enrich', 'convert', 20, now() FROM n
                        )
                        INSERT INTO pause (scope, target, target_id, reason, paused_by)
                        SELECT v.*, 'r', 'ana' FROM n CROSS JOIN LATERAL (SELECT \(pause)) AS v
                        """))
            let job = try await database.begin()
            #expect(try await ringAll(database) == [ticket(job)])
            #expect(try await ringAll(database) == [])
            try await database.pool.execute("DELETE FROM pause")
            #expect(try await ringAll(database)?.count == 1)
        }
    }

    @Test func `more than the limit, or more than the window has room for, is decided`() async throws {
        try await EngineDatabase.with { database in
            try await database.pool.execute("UPDATE institution SET concurrent_steps = NULL")
            for _ in 0..<3 { _ = try await database.begin() }
            #expect(try await ringAll(database, limit: 2) == nil)
            #expect(try await ringAll(database, window: 2) == nil)
            #expect(try await database.bells().count == 3)
            #expect(try await ringAll(database, limit: 3, window: 3)?.count == 3)
            _ = try await database.begin()
            #expect(try await ringAll(database, window: 3) == nil, "what is rung takes room")
        }
    }

    @Test func `institutions take turns, each in its own order`() async throws {
        try await EngineDatabase.with { database in
            for (school, priorities) in [("a", [20, 10, 10]), ("b", [30, 20])] {
                try await database.pool.execute(
                    """
                    WITH n AS (INSERT INTO institution (slug, name) VALUES (\(school), 'N') RETURNING id)
                    INSERT INTO outbox (job_id, ordinal, institution_id, integration_id, job_kind, kind, priority, due_at)
                    SELECT gen_random_uuid(), p.place, n.id, 1, 'roster_sync', 'extract', p.priority,
                        now() - interval '1 hour' + p.place * interval '1 second'
                    FROM n, unnest(\(priorities.map(Int16.init))::smallint[]) WITH ORDINALITY AS p (priority, place)
                    """)
            }
            let rung = try #require(try await ringAll(database))
            // The ordinals tell them apart: 2, 3, 1 of the one and 2, 1 of the other.
            #expect(Set(rung.prefix(2).map(\.ordinal)) == [2])
            #expect(Set(rung.dropFirst(2).prefix(2).map(\.ordinal)) == [3, 1])
            #expect(rung.last?.ordinal == 1)
        }
    }

    @Test func `what may not go yet, and a pause that is over, leave nothing to decide`() async throws {
        try await EngineDatabase.with { database in
            try await database.pool.execute("UPDATE institution SET concurrent_steps = 1")
            let job = try await database.begin()
            for _ in 0..<3 { _ = try await database.begin() }
            try await database.pool.execute(
                "UPDATE outbox SET due_at = now() + interval '1 hour' WHERE job_id <> \(job.uuid)")
            try await database.pool.execute(
                """
                INSERT INTO pause (scope, target, reason, paused_by, until)
                VALUES ('queue', 'extract', 'r', 'ana', now() - interval '1 minute')
                """)
            #expect(try await ringAll(database) == [ticket(job)])
            #expect(try await ringAll(database, limit: 2) == nil, "what is due may be beyond what was read")
        }
    }

    @Test func `what is rung for without an order is what the policy would have granted`() async throws {
        try await EngineDatabase.with { database in
            let seed = UInt64.random(in: 1...999_999)
            var random = SeededGenerator(state: seed)
            let limits: [Int?] = [nil, 2, 4, 8]
            var undecided = 0
            for round in 0..<60 {
                try await database.pool.execute("DELETE FROM outbox")
                try await database.pool.execute("DELETE FROM institution WHERE slug LIKE 'r%'")
                try await database.pool.execute("DELETE FROM pause")
                for school in 0..<3 {
                    try await database.pool.execute(
                        """
                        WITH n AS (
                            INSERT INTO institution (slug, name, concurrent_steps, weight)
                            VALUES (\("r\(round)-\(school)"), 'R', \(limits.randomElement(using: &random) ?? nil),
                                \(Int16.random(in: 1...3, using: &random)))
                            RETURNING id
                        )
                        INSERT INTO outbox (job_id, ordinal, institution_id, integration_id, job_kind, kind, priority,
                            due_at, rung_at)
                        SELECT gen_random_uuid(), 1, n.id, 1, 'roster_sync', 'extract', 10 * (1 + g % 3),
                            now() + (g % 4 - 2) * interval '1 minute', CASE WHEN g % 5 = 0 THEN now() END
                        FROM n, generate_series(1, \(Int.random(in: 0...6, using: &random))) AS g
                        """)
                }
                if round.isMultiple(of: 3) {
                    try await database.pool.execute(
                        """
                        INSERT INTO pause (scope, target, target_id, reason, paused_by)
                        SELECT 'institution', slug, id, 'r', 'ana' FROM institution WHERE slug = \("r\(round)-1")
                        """)
                }
                let decided = try await decide(database)
                let due = try await database.pool.query(
                    """
                    SELECT count(*)::int AS n FROM outbox o WHERE rung_at IS NULL AND due_at <= now()
                        AND NOT EXISTS (SELECT FROM pause WHERE target_id = o.institution_id)
                    """)
                let rung = try await ringAll(database)
                let nobodyWaits = try due.first?.decode("n") == decided.count
                #expect(rung.map { Set($0) } == (nobodyWaits ? decided : nil), "seed \(seed), round \(round)")
                if nobodyWaits { undecided += 1 }
            }
            #expect(undecided > 5 && undecided < 60, "both ways were taken, seed \(seed)")
        }
    }

    /// What the policy grants now; nothing of it stays.
    private func decide(_ database: EngineDatabase) async throws -> Set<StepID> {
        struct Undone: Error { var steps: Set<StepID> }
        do {
            try await database.pool.withTransaction { transaction in
                let outbox = OutboxStore(transaction)
                let backlog = try #require(try await outbox.takeTurn(limit: 1000))
                let grants = DispatchPolicy.grants(backlog.lanes, batch: 1000 - backlog.inFlight, now: Date())
                throw Undone(steps: Set(try await outbox.reserve(grants, dispatcher: 1).map(\.message.step)))
            }
        } catch let undone as Undone {
            return undone.steps
        }
        return []
    }
}
