import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct RescueTests {
    @Test func `only a lease that ran out is rescued, never a step for its age`() async throws {
        try await EngineDatabase.with { database in
            let long = try await database.claim(try await database.begin(), owner: "slow").lease
            let lost = try await database.claim(try await database.begin(), owner: "gone").lease
            try await database.pool.execute(
                "UPDATE step SET started_at = now() - interval '3 days' WHERE job_id = \(long.step.job.uuid)")
            try await database.steps.report([(lease: lost, percent: 30, counts: [:])])
            try await database.expire(lost.step)
            try await database.silence()
            let rescues = try await database.steps.rescue(rescueLimit: 3)
            #expect(rescues.map(\.step) == [lost.step])
            #expect(rescues.first?.owner == "gone")
            #expect(rescues.first?.isParked == false)
            let details = try await database.details(lost.step.job)
            #expect(details.steps[0].state == .queued)
            #expect(details.steps[0].rescues == 1)
            #expect(details.steps[0].failures == 0)
            #expect(details.steps[0].percent == 30)
            #expect(details.steps[0].reason?.contains("rescued 1 of 2") == true)
            #expect(details.attempts.map(\.outcome) == ["rescued"])
            #expect(try await database.bells() == [lost.step])
            #expect(try await database.step(long.step.job).state == .running)
            #expect(try await database.steps.rescue(rescueLimit: 3).isEmpty)
        }
    }

    @Test func `a rescued step keeps its place before those that came later`() async throws {
        try await EngineDatabase.with { database in
            let lost = try await database.claim(try await database.begin(), owner: "gone").lease.step
            try await database.silence()
            let later = StepID(job: try await database.begin(), ordinal: 1)
            try await database.expire(lost)
            _ = try await database.steps.rescue(rescueLimit: 3)
            #expect(try await database.bells() == [lost, later])
        }
    }

    @Test func `a step handed back by a drain keeps its place before those that came later`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            try await database.complete(job, before: 2)
            let lease = try await database.claim(job, 2, owner: "draining").lease
            try await database.silence()
            let later = StepID(job: try await database.begin(), ordinal: 1)
            try await database.end(lease, .interrupt, as: .interrupted)
            #expect(try await database.bells() == [lease.step, later])
            #expect(try await OutboxStore(database.pool).backlog(limit: 9).lanes.map(\.due) == [2], "it is due at once")
        }
    }

    @Test func `what is tried again later goes behind what is due before it`() async throws {
        try await EngineDatabase.with { database in
            let lease = try await database.claim(try await database.begin()).lease
            try await database.silence()
            let later = StepID(job: try await database.begin(), ordinal: 1)
            try await database.end(lease, .retry, as: .retry) { $0.runAfter = Date().addingTimeInterval(1) }
            #expect(try await database.bells() == [later, lease.step])
        }
    }

    @Test func `progress that came after the end of its step is swept, and that of a long step is not`() async throws {
        try await EngineDatabase.with { database in
            let running = try await database.claim(try await database.begin()).lease
            let ended = try await database.claim(try await database.begin()).lease
            try await database.steps.report([running, ended].map { (lease: $0, percent: 30, counts: [:]) })
            try await database.pool.execute("UPDATE step_progress SET updated_at = now() - interval '1 hour'")
            // The report was under way while the step ended, so its end did not see it.
            try await database.end(ended, .complete, as: .completed)
            try await database.pool.execute(
                """
                INSERT INTO step_progress (job_id, ordinal, percent, updated_at)
                VALUES (\(ended.step.job.uuid), 1, 30, now() - interval '1 hour')
                """)
            #expect(try await database.steps.sweepProgress() == 1)
            let left = try await database.pool.query("SELECT job_id FROM step_progress")
            #expect(try left.map { try $0.decode("job_id", as: UUID.self) } == [running.step.job.uuid])
        }
    }

    @Test func `a step that kills every worker is parked at the limit`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            for round in 1...3 {
                try await database.expire(try await database.claim(job, owner: "worker \(round)").lease.step)
                try await database.silence()
                let rescue = try #require(try await database.steps.rescue(rescueLimit: 3).first)
                #expect(rescue.rescues == round)
                #expect(rescue.isParked == (round == 3))
            }
            let details = try await database.details(job)
            #expect(details.job.state == .failed)
            #expect(details.job.finishedAt != nil)
            #expect(details.steps[0].state == .failed)
            #expect(details.steps[0].errorCode == "step.poison")
            #expect(details.attempts.map(\.outcome) == ["rescued", "rescued", "rescued"])
            #expect(try await database.bells().isEmpty)
        }
    }

    @Test func `several rescuers at once take each lost step once`() async throws {
        try await EngineDatabase.with { database in
            for _ in 0..<30 { _ = try await database.claim(try await database.begin()) }
            try await database.pool.execute(
                "UPDATE step SET leased_until = now() - interval '1 second' WHERE state = 'running'")
            let rescued = try await withThrowingTaskGroup(of: [StepID].self) { group in
                for _ in 0..<4 {
                    group.addTask { try await database.steps.rescue(rescueLimit: 3, limit: 10).map(\.step) }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(rescued.count == Set(rescued).count)
            let rest = try await database.steps.rescue(rescueLimit: 3).map(\.step)
            #expect(Set(rescued + rest).count == 30)
            #expect(Set(rescued).isDisjoint(with: rest))
        }
    }

    @Test func `it rings again where nobody came, and each time waits twice as long`() async throws {
        try await EngineDatabase.with { database in
            let outbox = OutboxStore(database.pool)
            let forgotten = try await database.begin()
            let taken = try await database.begin()
            try await database.silence()
            _ = try await database.claim(taken)
            let waiting = try await database.begin()
            func pass(_ seconds: Int) async throws {
                try await database.pool.execute(
                    "UPDATE outbox SET rung_at = rung_at - make_interval(secs => \(Double(seconds)))")
            }
            #expect(try await outbox.ringAgain(unansweredFor: .seconds(60)) == 0)
            try await pass(61)
            #expect(try await outbox.ringAgain(unansweredFor: .seconds(60)) == 1)
            #expect(try await database.bells() == [forgotten, waiting].map { StepID(job: $0, ordinal: 1) })
            try await database.silence()
            try await pass(61)
            #expect(try await outbox.ringAgain(unansweredFor: .seconds(60)) == 1, "only the one that was rung once")
            #expect(try await database.bells() == [StepID(job: waiting, ordinal: 1)])
            try await pass(61)
            #expect(try await outbox.ringAgain(unansweredFor: .seconds(60)) == 1, "twice as long is over")
        }
    }

    @Test func `a bell that was handed back, or whose step was tried, waits no longer for that`() async throws {
        try await EngineDatabase.with { database in
            let outbox = OutboxStore(database.pool)
            let busy = StepID(job: try await database.begin(), ordinal: 1)
            let tried = StepID(job: try await database.begin(), ordinal: 1)
            for _ in 0..<12 {
                try await database.silence()
                try await outbox.putBack([busy], after: .zero)
                try await database.end(try await database.claim(tried.job).lease, .interrupt, as: .interrupted)
            }
            try await database.silence()
            try await database.pool.execute("UPDATE outbox SET rung_at = rung_at - interval '61 seconds'")
            #expect(try await outbox.ringAgain(unansweredFor: .seconds(60)) == 2)
            #expect(Set(try await database.bells()) == [busy, tried])
        }
    }

    @Test func `a lease whose ticket was put back at its claim is marked by its renewal, and can be rescued`()
        async throws
    {
        try await EngineDatabase.with { database in
            let lease = try await database.claim(try await database.begin()).lease
            try await database.pool.execute("UPDATE outbox SET rung_at = NULL")
            #expect(try await database.steps.renew([lease], for: .seconds(30)).held == [lease])
            #expect(try await database.bells().isEmpty)
            try await database.expire(lease.step)
            #expect(try await database.steps.rescue(rescueLimit: 3).map(\.step) == [lease.step])
        }
    }

    @Test func `what a silent dispatcher rang and nobody took waits again, and what a living one rang does not`()
        async throws
    {
        try await EngineDatabase.with { database in
            let outbox = OutboxStore(database.pool)
            let lost = try await database.begin()
            let taken = try await database.begin()
            let living = try await database.begin()
            try await outbox.beat(dispatcher: 1, name: "gone")
            try await outbox.beat(dispatcher: 2, name: "living")
            try await database.silence()
            try await database.pool.execute(
                "UPDATE outbox SET rung_by = CASE WHEN job_id = \(living.uuid) THEN 2 ELSE 1 END")
            _ = try await database.claim(taken)
            #expect(try await outbox.adopt(silentFor: .seconds(20)) == 0)
            try await database.pool.execute(
                "UPDATE dispatcher SET seen_at = seen_at - interval '1 minute' WHERE id = 1")
            #expect(try await outbox.adopt(silentFor: .seconds(20)) == 1)
            #expect(try await database.bells() == [StepID(job: lost, ordinal: 1)])
            #expect(try await outbox.adopt(silentFor: .seconds(20)) == 0)
        }
    }
}
