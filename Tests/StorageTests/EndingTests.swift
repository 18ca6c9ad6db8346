import EngineTestSupport
import FoundationEssentials
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct EndingTests {
    @Test(arguments: [
        (StepEvent.complete, StepState.completed), (.completeWithWarnings, .completedWithWarnings), (.skip, .skipped),
    ])
    func `after a good end the next step is queued and its bell rings`(event: StepEvent, state: StepState) async throws
    {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let lease = try await database.claim(job).lease
            try await database.silence()
            try await database.end(lease, event, as: .completed)
            let details = try await database.details(job)
            #expect(details.steps.map(\.state) == [state, .queued, .pending])
            #expect(details.job.state == .inProgress)
            #expect(details.attempts.map(\.outcome) == ["completed"])
            #expect(details.steps[0].finishedAt != nil)
            #expect(details.steps[0].worker == nil)
            #expect(try await database.bells() == [StepID(job: job, ordinal: 2)])
        }
    }

    @Test(arguments: [
        ([StepEvent.complete, .complete, .complete], JobState.completed),
        ([.completeWithWarnings, .complete, .complete], .warning),
        ([.complete, .complete, .completeWithWarnings], .warning),
        ([.complete, .complete, .skip], .completed),
        ([.complete, .fail], .failed), ([.cancel], .cancelled), ([.complete, .hold], .held),
        ([.complete, .complete, .await], .inProgress), ([.interrupt], .inProgress),
    ])
    func `the job's state follows from its steps`(events: [StepEvent], state: JobState) async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            for (index, event) in events.enumerated() {
                let lease = try await database.claim(job, Int16(index + 1)).lease
                try await database.end(lease, event, as: .completed)
            }
            let details = try await database.details(job)
            #expect(details.job.state == state)
            #expect((details.job.finishedAt != nil) == state.isEnd)
            // What the statement wrote is what the pure rule says, once no later step can come.
            if state.isEnd, state != .failed { #expect(JobState(steps: details.steps.map(\.state)) == state) }
        }
    }

    @Test func `a failed step ends its job and leaves those after it pending`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            try await database.complete(job, before: 2)
            let lease = try await database.claim(job, 2).lease
            try await database.steps.report([(lease: lease, percent: 62, counts: ["users.converted": 620])])
            try await database.silence()
            try await database.end(lease, .fail, as: .failed) {
                $0.errorCode = "roster.unreadable"
                $0.errorMessage = "A file cannot be read."
            }
            let details = try await database.details(job)
            #expect(details.steps.map(\.state) == [.completed, .failed, .pending])
            #expect(details.steps.map(\.percent) == [100, 62, 0])
            #expect(details.steps[1].counts == ["users.converted": 620])
            #expect(details.steps[1].errorCode == "roster.unreadable")
            #expect(details.attempts.last?.errorMessage == "A file cannot be read.")
            #expect(try await database.bells().isEmpty)
        }
    }

    @Test func `a retry is queued for later, with a bell that is due then`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let lease = try await database.claim(job).lease
            try await database.silence()
            let later = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 90).rounded())
            try await database.end(lease, .retry, as: .retry, result: StepResult(reason: "Again later.")) {
                $0.runAfter = later
                $0.cost = .attempt
            }
            let step = try await database.step(job)
            #expect(step.state == .queued)
            #expect(step.failures == 1)
            #expect(step.runAfter == later)
            #expect(step.reason == "Again later.")
            #expect(step.finishedAt == nil)
            #expect(try await database.bells() == [StepID(job: job, ordinal: 1)])
            #expect(try await OutboxStore(database.pool).backlog(limit: 10).lanes.isEmpty)
            let due = try await database.pool.query("SELECT due_at FROM outbox").first?.decode(at: 0, as: Date.self)
            #expect(due == later)
        }
    }

    @Test func `progress only grows, and ends with the step`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let lease = try await database.claim(job).lease
            for (percent, count) in [(10, 1), (40, 4), (30, 3)] {
                try await database.steps.report([(lease: lease, percent: percent, counts: ["users": Int64(count)])])
            }
            #expect(try await database.step(job).percent == 40)
            try await database.end(
                lease, .complete, as: .completed, result: StepResult(counts: ["users": 5, "a-b.c": 1]))
            try await database.steps.report([(lease: lease, percent: 70, counts: ["users": 9])])
            let step = try await database.step(job)
            #expect(step.percent == 100)
            #expect(step.counts == ["users": 5, "a-b.c": 1])
            #expect(try await database.pool.query("SELECT 1 FROM step_progress").isEmpty)
        }
    }

    @Test func `files are recorded with the end, and an attempt after it replaces those of the same name`() async throws
    {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            func file(_ name: String, _ byte: UInt8) -> ArtifactRecord {
                ArtifactRecord(name: name, mediaType: "text/csv", bytes: 5, sha256: Array(repeating: byte, count: 32))
            }
            let first = StepResult(artifacts: [file("users.csv", 1), file("orgs.csv", 0xAB)])
            try await database.end(database.claim(job).lease, .interrupt, as: .interrupted, result: first)
            let second = StepResult(artifacts: [file("users.csv", 2)])
            try await database.end(database.claim(job).lease, .complete, as: .completed, result: second)
            let stored = try await database.jobs.artifacts(of: job, step: .extract)
            #expect(stored == [file("orgs.csv", 0xAB), file("users.csv", 2)])
            #expect(try await database.jobs.artifacts(of: job, step: .convert).isEmpty)
            #expect(try await database.details(job).job.hasArtifacts)
        }
    }

    @Test func `several endings of one call are written together, each by its own token`() async throws {
        try await EngineDatabase.with { database in
            let good = try await database.claim(try await database.begin()).lease
            let other = try await database.claim(try await database.begin()).lease
            let stale = StepLease(step: other.step, token: other.token - 1, owner: other.owner)
            let endings = try [good, stale].map {
                try #require(StepEnding($0, event: .complete, outcome: .completed))
            }
            #expect(try await database.steps.end(endings) == [good.step])
            #expect(try await database.step(other.step.job).state == .running)
            #expect(try await database.steps.end([]).isEmpty)
        }
    }

    @Test func `jobs whose steps end together go on, and end, each by itself`() async throws {
        try await EngineDatabase.with { database in
            let jobs = [try await database.begin(), try await database.begin()]
            for ordinal in Int16(1)...3 {
                try await database.silence()
                let steps = jobs.map { StepID(job: $0, ordinal: ordinal) }
                let claims = try await database.steps.claim(steps, owner: "one", for: .seconds(30))
                let endings = try claims.map {
                    try #require(StepEnding($0.lease, event: .complete, outcome: .completed))
                }
                #expect(try await database.steps.end(endings) == Set(steps))
                let next = ordinal < 3 ? jobs.map { StepID(job: $0, ordinal: ordinal + 1) } : []
                #expect(Set(try await database.bells()) == Set(next))
                for job in jobs {
                    let details = try await database.details(job)
                    #expect(details.job.state == (ordinal < 3 ? .inProgress : .completed))
                    #expect(details.steps.filter { $0.state == .completed }.count == Int(ordinal))
                    #expect(details.steps.filter { $0.state == .queued }.count == next.count / 2)
                }
            }
        }
    }

    @Test func `an event that the state does not allow makes no ending`() {
        let lease = StepLease(step: StepID(job: .random(), ordinal: 1), token: 1, owner: "one")
        #expect(StepEnding(lease, from: .waiting, event: .retry, outcome: .retry) == nil)
        #expect(StepEnding(lease, event: .approve, outcome: .completed) == nil)
    }

    @Test func `a waiting step shows where Canvas stands, and no longer once it has ended`() async throws {
        try await EngineDatabase.with { database in
            let job = try await database.begin()
            let lease = try await database.claim(job).lease
            try await database.end(lease, .await, as: .waiting)
            try await database.steps.reportWaiting(
                lease, percent: 40, reason: "Works.", counts: ["canvas.users": 4])
            try await database.steps.reportWaiting(lease, percent: 30, reason: "Still.", counts: [:])
            var step = try await database.step(job)
            #expect(step.percent == 40)
            #expect(step.reason == "Still.")
            #expect(step.counts == ["canvas.users": 4])
            #expect(try await database.end(lease, .fail, as: .failed, from: .waiting))
            try await database.steps.reportWaiting(lease, percent: 90, reason: "Late.", counts: [:])
            step = try await database.step(job)
            #expect(step.percent == 40)
            #expect(step.reason == nil)
        }
    }
}
