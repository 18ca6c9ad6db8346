import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(1)))
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

    @Test func `it rings again only where no bell is left, and then waits as long again`() async throws {
        try await EngineDatabase.with { database in
            let forgotten = try await database.begin()
            try await database.silence()
            let belled = try await database.begin()
            try await database.pool.execute(
                """
                UPDATE step SET queued_at = now() - interval '1 hour', run_after = now() - interval '1 hour'
                WHERE state = 'queued'
                """)
            let young = try await database.begin()
            try await database.pool.execute("DELETE FROM outbox WHERE job_id = \(young.uuid)")
            #expect(try await database.steps.ringAgain(unansweredFor: .seconds(60)) == 1)
            let expected = [belled, forgotten].map { StepID(job: $0, ordinal: 1) }
            #expect(try await database.bells() == expected)
            try await database.silence()
            #expect(try await database.steps.ringAgain(unansweredFor: .seconds(60)) == 1, "the other one")
            try await database.silence()
            #expect(try await database.steps.ringAgain(unansweredFor: .seconds(60)) == 0)
        }
    }
}
