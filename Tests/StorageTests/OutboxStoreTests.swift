import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct OutboxStoreTests {
    /// Reserves steps of the one institution there is.
    private func reserve(_ count: Int, in database: EngineDatabase) async throws -> [JobID] {
        let lane = try #require(try await OutboxStore(database.pool).backlog(limit: 100).lanes.first)
        return try await OutboxStore(database.pool).reserve(
            [OutboxStore.Grant(institution: lane.institution, count: count, tokens: nil)], dispatcher: 7
        ).map(\.message.job)
    }

    @Test func `manual jobs go before nightly ones, and those before what is made up for`() async throws {
        try await EngineDatabase.with { database in
            var jobs: [JobPriority: JobID] = [:]
            for priority in [JobPriority.backfill, .nightly, .manual] {
                let request = JobRequest(
                    .rosterSync, integration: database.integration, postedBy: "test", priority: priority)
                try await database.jobs.begin([request])
                jobs[priority] = request.id
            }
            #expect(try await reserve(2, in: database) == [jobs[.manual], jobs[.nightly]])
            #expect(try await reserve(2, in: database) == [jobs[.backfill]])
        }
    }

    @Test func `what is in flight takes room, from the ring to the end of the attempt`() async throws {
        try await EngineDatabase.with { database in
            try await database.pool.execute("UPDATE institution SET concurrent_steps = 3")
            for _ in 0..<5 { _ = try await database.begin() }
            let outbox = OutboxStore(database.pool)
            #expect(try await outbox.backlog(limit: 100).lanes.first?.room == 3)
            let first = try #require(try await reserve(2, in: database).first)
            #expect(try await outbox.backlog(limit: 100).lanes.first?.room == 1)
            #expect(try await outbox.backlog(limit: 100).inFlight == 2)
            let lease = try await database.claim(first).lease
            #expect(try await outbox.backlog(limit: 100).lanes.first?.room == 1)
            try await database.end(lease, .fail, as: .failed)
            #expect(try await outbox.backlog(limit: 100).lanes.first?.room == 2)
            #expect(try await outbox.backlog(limit: 2).lanes.first?.due == 2, "counts no further than it needs")
        }
    }

    @Test func `tokens that a batch leaves are kept`() async throws {
        try await EngineDatabase.with { database in
            try await database.pool.execute("UPDATE institution SET steps_per_minute = 60, burst = 5")
            for _ in 0..<3 { _ = try await database.begin() }
            let outbox = OutboxStore(database.pool)
            let lane = try #require(try await outbox.backlog(limit: 100).lanes.first)
            #expect(lane.bucket?.burst == 5)
            let clock = try await database.pool.query("SELECT clock_timestamp() AS now").first?.decode(
                "now", as: Date.self)
            let readAt = try await outbox.backlog(limit: 100).readAt
            #expect(try #require(clock) < readAt && readAt.timeIntervalSinceNow < 30)
            _ = try await outbox.reserve(
                [OutboxStore.Grant(institution: lane.institution, count: 2, tokens: 3)], dispatcher: 7)
            let left = try #require(try await outbox.backlog(limit: 100).lanes.first?.bucket)
            #expect(left.tokens == 3)
            #expect(abs(left.refilledAt.timeIntervalSinceNow) < 30)
        }
    }

    @Test func `within a batch institutions follow each other by their weights`() async throws {
        try await EngineDatabase.with { database in
            let store = IntegrationStore(database.pool)
            let heavy = try await store.put(institution: "heavy", name: "Heavy")
            let integration = try await store.put(
                integration: "sync", name: "Sync", institution: heavy, settings: EngineDatabase.nowhere)
            var ofHeavy: Set<JobID> = []
            for (integration, count) in [(database.integration, 3), (integration, 9)] {
                let requests = (0..<count).map { _ in
                    JobRequest(.rosterSync, integration: integration, postedBy: "test")
                }
                try await database.jobs.begin(requests)
                if count == 9 { ofHeavy = Set(requests.map(\.id)) }
            }
            let grants = try await OutboxStore(database.pool).backlog(limit: 100).lanes.map { lane in
                OutboxStore.Grant(
                    institution: lane.institution, count: lane.due, tokens: nil,
                    weight: lane.institution == heavy ? 3 : 1)
            }
            let rung = try await OutboxStore(database.pool).reserve(grants, dispatcher: 7).map(\.message.job)
            let shares = stride(from: 0, to: 12, by: 4).map { start in
                rung[start..<start + 4].count { ofHeavy.contains($0) }
            }
            #expect(shares == [3, 3, 3])
        }
    }

    @Test func `only one decides at a time`() async throws {
        try await EngineDatabase.with { database in
            try await database.pool.withTransaction { first in
                #expect(try await OutboxStore(first).takeTurn(limit: 1) != nil)
                let second = try await database.pool.withTransaction { try await OutboxStore($0).takeTurn(limit: 1) }
                #expect(second == nil)
            }
            #expect(try await database.pool.withTransaction { try await OutboxStore($0).takeTurn(limit: 1) } != nil)
        }
    }

    @Test func `who takes the next turn sees what the one before has marked`() async throws {
        try await EngineDatabase.with { database in
            let requests = (0..<3).map { _ in
                JobRequest(.rosterSync, integration: database.integration, postedBy: "test")
            }
            try await database.jobs.begin(requests)
            let looks = try await database.pool.withTransaction { transaction in
                let look = try #require(try await OutboxStore(transaction).takeTurn(limit: 9))
                let lane = try #require(look.lanes.first)
                let grant = OutboxStore.Grant(institution: lane.institution, count: 2, tokens: nil)
                let rung = try await OutboxStore.reserve([grant], dispatcher: 7, committing: transaction)
                return (look.lanes.map(\.due), rung.count)
            }
            #expect(looks.0 == [3])
            #expect(looks.1 == 2)
            let next = try await database.pool.withTransaction { try await OutboxStore($0).takeTurn(limit: 9) }
            #expect(next?.lanes.map(\.due) == [1])
            #expect(next?.inFlight == 2)
        }
    }

    @Test func `a kind of a newer version is left to a dispatcher that knows it`() async throws {
        try await EngineDatabase.with { database in
            let requests = (0..<3).map { _ in
                JobRequest(.rosterSync, integration: database.integration, postedBy: "test")
            }
            try await database.jobs.begin(requests)
            try await database.pool.execute(
                "UPDATE outbox SET kind = 'of_tomorrow' WHERE job_id = \(requests[0].id.uuid)")
            #expect(try await reserve(3, in: database) == [requests[1].id, requests[2].id])
            let waiting = try await database.pool.query("SELECT count(*)::int AS n FROM outbox WHERE rung_at IS NULL")
            #expect(try waiting.first?.decode("n") == 1)
        }
    }

    @Test(arguments: [
        (PauseStore.Scope.institution, "school"), (.integration, "school/nightly"), (.queue, "extract"),
        (.kind, "roster_sync"),
    ])
    func `what is paused is not rung for, not taken, and goes on when it is resumed`(
        scope: PauseStore.Scope, target: String
    ) async throws {
        try await EngineDatabase.with { database in
            let pauses = PauseStore(database.pool)
            let outbox = OutboxStore(database.pool)
            let rung = try await database.begin()
            try await database.silence()
            _ = try await database.begin()
            try await pauses.pause(scope, target, until: nil, reason: "Rollover.", by: "ana")
            #expect(try await outbox.backlog(limit: 9).lanes.isEmpty)
            // A bell that rang before the pause: its step is handed back.
            let step = StepID(job: rung, ordinal: 1)
            #expect(try await database.steps.claim([step], owner: "w", for: .seconds(30)).isEmpty)
            #expect(try await database.bells().contains(step))
            #expect(try await pauses.all().map(\.reason) == ["Rollover."])
            #expect(try await pauses.resume(scope, target))
            #expect(try await outbox.backlog(limit: 9).lanes.map(\.due) == [2])
            #expect(try await database.steps.claim([step], owner: "w", for: .seconds(30)).count == 1)
            #expect(try await pauses.resume(scope, target) == false)
        }
    }

    @Test func `the backlog of a paused institution is not read by each look`() async throws {
        try await EngineDatabase.with { database in
            try await database.jobs.begin(
                (0..<300).map { _ in JobRequest(.rosterSync, integration: database.integration, postedBy: "test") })
            try await PauseStore(database.pool).pause(.institution, "school", until: nil, reason: "Full.", by: "ana")
            let read = try await database.pool.withTransaction { transaction in
                // Whether the table has been analysed meanwhile is no matter here.
                try await transaction.execute("SET LOCAL enable_seqscan = off")
                #expect(try await OutboxStore(transaction).takeTurn(limit: 1000)?.lanes.isEmpty == true)
                let rows = try await transaction.query(
                    """
                    SELECT (seq_tup_read + idx_tup_fetch)::int AS read FROM pg_stat_xact_user_tables WHERE relname = 'outbox'
                    """)
                return try rows.first?.decode("read", as: Int.self)
            }
            #expect(try #require(read) < 10)
        }
    }

    @Test func `a pause ends by itself, and other targets go on meanwhile`() async throws {
        try await EngineDatabase.with { database in
            let pauses = PauseStore(database.pool)
            _ = try await database.begin()
            try await pauses.pause(.queue, "import", until: nil, reason: "Test.", by: "ana")
            try await pauses.pause(
                .kind, "roster_sync", until: Date(timeIntervalSinceNow: -1), reason: "Test.", by: "ana")
            #expect(try await OutboxStore(database.pool).backlog(limit: 9).lanes.map(\.due) == [1])
            #expect(try await pauses.all().map(\.target) == ["import"])
        }
    }

    @Test(arguments: [PauseStore.Scope.institution, .integration])
    func `nothing that does not exist can be paused`(scope: PauseStore.Scope) async throws {
        try await EngineDatabase.with { database in
            let error = await #expect(throws: StorageError.self) {
                try await PauseStore(database.pool).pause(scope, "elsewhere", until: nil, reason: "Test.", by: "ana")
            }
            #expect(error?.code == .notFound)
        }
    }

    @Test func `what is put back waits, unless somebody has heard it after all`() async throws {
        try await EngineDatabase.with { database in
            let outbox = OutboxStore(database.pool)
            let heard = try await database.begin()
            let lost = try await database.begin()
            #expect(try await reserve(2, in: database).count == 2)
            _ = try await database.claim(heard)
            try await outbox.putBack([heard, lost].map { StepID(job: $0, ordinal: 1) }, after: .zero)
            #expect(try await database.bells() == [StepID(job: lost, ordinal: 1)])
            // The other way round: put back first, heard then.
            _ = try await database.claim(lost)
            #expect(try await database.bells().isEmpty)
        }
    }

    @Test(arguments: [(Duration.zero, true), (.seconds(60), false)])
    func `what a busy worker hands back keeps its place, and what the broker refused waits`(
        pause: Duration, isFirst: Bool
    ) async throws {
        try await EngineDatabase.with { database in
            let early = StepID(job: try await database.begin(), ordinal: 1)
            #expect(try await reserve(1, in: database).count == 1)
            let later = StepID(job: try await database.begin(), ordinal: 1)
            try await OutboxStore(database.pool).putBack([early], after: pause)
            #expect(try await database.bells() == (isFirst ? [early, later] : [later, early]))
        }
    }

    /// A bell that rang before its ticket was marked stands for a ticket that nobody has touched, and for no other.
    @Test(arguments: ["nothing", "handed back", "paused", "tried again", "looked at twice"])
    func `a ticket tells its first mark from those after somebody had it`(what: String) async throws {
        try await EngineDatabase.with { database in
            let outbox = OutboxStore(database.pool)
            let step = StepID(job: try await database.begin(), ordinal: 1)
            switch what {
            case "handed back": try await outbox.putBack([step, StepID(job: .random(), ordinal: 1)], after: .zero)
            case "paused":
                let pauses = PauseStore(database.pool)
                try await pauses.pause(.queue, "extract", until: nil, reason: "Test.", by: "ana")
                #expect(try await database.steps.claim([step], owner: "w", for: .seconds(30)).isEmpty)
                #expect(try await pauses.resume(.queue, "extract"))
            case "tried again":
                let lease = try await database.claim(step.job).lease
                try await database.end(lease, .interrupt, as: .interrupted)
            case "looked at twice":
                try await database.silence()
                try await outbox.putBack([step], after: .zero)
            default: break
            }
            let rung = try await OutboxStore.ringAll(limit: 9, window: 9, dispatcher: 7, in: database.pool)
            #expect(rung?.map(\.message.step) == [step])
            #expect(rung?.map(\.isFirst) == [what == "nothing"])
        }
    }

    @Test func `what a dispatcher does not know to have marked waits again, and nobody else's`() async throws {
        try await EngineDatabase.with { database in
            let lost = try await database.begin()
            let taken = try await database.begin()
            #expect(try await reserve(2, in: database).count == 2)
            _ = try await database.claim(taken)
            let other = try await database.begin()
            try await database.silence()
            try await database.pool.withTransaction { look in
                _ = try await OutboxStore(look).takeTurn(limit: 1)
                #expect(try await OutboxStore.forgetMarks(of: 7, in: database.pool) == false, "a look is under way")
                #expect(try await database.bells().isEmpty)
            }
            #expect(try await OutboxStore.forgetMarks(of: 8, in: database.pool))
            #expect(try await database.bells().isEmpty)
            #expect(try await OutboxStore.forgetMarks(of: 7, in: database.pool))
            #expect(try await database.bells() == [StepID(job: lost, ordinal: 1)])
            #expect(
                try await OutboxStore(database.pool).ringAgain(unansweredFor: .seconds(60)) == 0, "\(other) is rung")
        }
    }

    @Test func `a checkpoint is there for the next attempt, and gone with the step's end`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let first = try await database.claim(job)
            #expect(first.checkpoint == nil)
            #expect(try await database.steps.save(checkpoint: "page 3", lease: first.lease))
            try await database.expire(first.lease.step)
            _ = try await database.steps.rescue(rescueLimit: 3)
            #expect(try await database.steps.save(checkpoint: "page 4", lease: first.lease) == false)
            let second = try await database.claim(job)
            #expect(second.checkpoint == "page 3")
            try await database.end(second.lease, .complete, as: .completed)
            let left = try await database.pool.query(
                "SELECT count(checkpoint)::int AS count FROM step WHERE job_id = \(job.uuid)")
            #expect(try left.first?.decode("count", as: Int.self) == 0)
        }
    }
}
