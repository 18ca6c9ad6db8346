import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct ClaimTests {
    @Test func `what a newer version wrote hinders nobody else's claim`() async throws {
        try await EngineDatabase.with { database in
            let jobs = [try await database.begin(), try await database.begin(), try await database.begin()]
            try await database.pool.execute("UPDATE job SET kind = 'of_tomorrow' WHERE id = \(jobs[0].uuid)")
            try await database.pool.execute(
                "UPDATE step SET kind = 'of_tomorrow' WHERE job_id = \(jobs[1].uuid) AND ordinal = 1")
            try await database.silence()
            let claims = try await database.steps.claim(
                jobs.map { StepID(job: $0, ordinal: 1) }, owner: "one", for: .seconds(30))
            // The kind of the job is nothing to a worker; a step of a kind that it does not know stays queued.
            #expect(Set(claims.map(\.lease.step.job)) == [jobs[0], jobs[2]])
            let states = try await database.pool.query(
                "SELECT state FROM step WHERE job_id = \(jobs[1].uuid) AND ordinal = 1")
            #expect(try states.first?.decode("state") == "queued")
        }
    }

    @Test func `a claim takes a step that is queued, and only once`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let steps = (1...3).map { StepID(job: job, ordinal: $0) } + [StepID(job: .random(), ordinal: 1)]
            let claims = try await database.steps.claim(steps, owner: "one", for: .seconds(30))
            #expect(claims.map(\.lease) == [StepLease(step: steps[0], token: 1, owner: "one")])
            #expect(claims.first?.kind == .extract)
            #expect(try await database.steps.claim(steps, owner: "two", for: .seconds(30)).isEmpty)
            let details = try await database.details(job)
            #expect(details.steps.map(\.state) == [.running, .pending, .pending])
            #expect(details.steps.first?.worker == "one")
            #expect(details.attempts.map(\.token) == [1])
            #expect(details.attempts.first?.outcome == nil)
        }
    }

    /// The doorbells of the same steps reach two workers in opposite orders.
    @Test func `of two claims of the same hundred steps at once, each step goes to exactly one`() async throws {
        try await EngineDatabase.with { database in
            var steps: [StepID] = []
            for _ in 0..<100 { steps.append(StepID(job: try await database.begin(), ordinal: 1)) }
            let all = steps
            let claims = try await withThrowingTaskGroup(of: [StepStore.Claim].self) { group in
                for worker in 0..<4 {
                    group.addTask {
                        try await database.steps.claim(
                            worker % 2 == 0 ? all : all.reversed(), owner: "worker \(worker)", for: .seconds(30))
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claims.count == 100)
            #expect(Set(claims.map(\.lease.step)) == Set(all))
            #expect(claims.allSatisfy { $0.lease.token == 1 })
        }
    }

    @Test func `a step whose time has not come is not taken`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let first = try await database.claim(job)
            try await database.end(first.lease, .retry, as: .retry) {
                $0.runAfter = Date().addingTimeInterval(60)
                $0.cost = .attempt
            }
            let step = first.lease.step
            #expect(try await database.steps.claim([step], owner: "two", for: .seconds(30)).isEmpty)
            try await database.pool.execute("UPDATE step SET run_after = now() WHERE job_id = \(job.uuid)")
            let second = try await database.claim(job, owner: "two")
            #expect(second.lease.token == 2)
            #expect(second.failures == 1)
            #expect(try await database.step(job).reason == nil)
        }
    }

    @Test func `renewing tells which leases still hold`() async throws {
        try await EngineDatabase.with { database in
            let kept = try await database.claim(try await database.begin()).lease
            let ended = try await database.claim(try await database.begin()).lease
            let lost = try await database.claim(try await database.begin()).lease
            try await database.end(ended, .complete, as: .completed)
            try await database.expire(lost.step)
            #expect(try await database.steps.rescue(rescueLimit: 3).map(\.step) == [lost.step])
            _ = try await database.claim(lost.step.job, owner: "other")
            #expect(try await database.steps.renew([kept, ended, lost], for: .seconds(60)).held == [kept])
            #expect(try await database.steps.renew([], for: .seconds(60)).held.isEmpty)
            let seconds = try await database.pool.query(
                """
                SELECT extract(epoch FROM leased_until - clock_timestamp())::double precision FROM step
                WHERE job_id = \(kept.step.job.uuid) AND ordinal = 1
                """
            ).first?.decode(at: 0, as: Double.self)
            #expect(try #require(seconds) > 50)
        }
    }
}
