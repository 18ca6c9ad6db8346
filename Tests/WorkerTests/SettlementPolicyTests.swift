import FoundationEssentials
import Jobs
import Storage
import Testing
import Worker

@Suite struct SettlementPolicyTests {
    private let lease = StepLease(step: StepID(job: .random(), ordinal: 1), token: 3, owner: "one")
    private let now = Date(timeIntervalSince1970: 1_760_000_000)

    private func ending(_ kind: StepFailure.Class, failures: Int = 0, limit: Int = 3) throws -> StepEnding {
        var generator = SystemRandomNumberGenerator()
        let ending = SettlementPolicy.ending(
            of: lease, failure: StepFailure(kind, code: "toy.code", message: "It broke."), failures: failures,
            retries: RetryPolicy(attemptLimit: limit, firstDelay: .seconds(10)), now: now, using: &generator)
        return try #require(ending)
    }

    @Test(arguments: [
        (StepOutcome.completed(StepResult(reason: "Why.")), StepState.completed, StepEnding.AttemptOutcome.completed),
        (.completedWithWarnings(StepResult(reason: "Why.")), .completedWithWarnings, .completed),
        (.skipped(reason: "Why."), .skipped, .completed),
        (.waiting(StepResult(reason: "Why.")), .waiting, .waiting),
        (.held(StepResult(reason: "Other."), reason: "Why."), .held, .held),
    ])
    func `an outcome decides the state`(
        outcome: StepOutcome, state: StepState, attempt: StepEnding.AttemptOutcome
    ) throws {
        let ending = try #require(SettlementPolicy.ending(of: lease, outcome: outcome))
        #expect(ending.to == state)
        #expect(ending.from == .running)
        #expect(ending.outcome == attempt)
        #expect(ending.result.reason == "Why.")
        #expect(ending.lease == lease)
        #expect(ending.cost == .nothing)
        #expect(ending.runAfter == nil)
        #expect(ending.errorCode == nil)
    }

    @Test func `what an attempt leaves behind goes along`() throws {
        let file = ArtifactRecord(
            name: "a.csv", mediaType: "text/csv", bytes: 1, sha256: Array(repeating: 0, count: 32))
        let result = StepResult(counts: ["rows": 4], artifacts: [file])
        let ending = try #require(SettlementPolicy.ending(of: lease, outcome: .held(result, reason: "Why.")))
        #expect(ending.result.counts == ["rows": 4])
        #expect(ending.result.artifacts == [file])
    }

    @Test(arguments: [0, 1])
    func `a transient failure goes back to its queue and costs a try`(failures: Int) throws {
        let ending = try ending(.transient, failures: failures)
        #expect(ending.to == .queued)
        #expect(ending.outcome == .retry)
        #expect(ending.cost == .attempt)
        let delay = try #require(ending.runAfter).timeIntervalSince(now)
        #expect((0...20).contains(delay))
        #expect(ending.errorCode == "toy.code")
        #expect(ending.errorMessage == "It broke.")
        #expect(ending.result.reason?.contains("(try \(failures + 1) of 3)") == true)
    }

    @Test(arguments: [2, 9])
    func `the last try fails the step and says how many there were`(failures: Int) throws {
        let ending = try ending(.transient, failures: failures)
        #expect(ending.to == .failed)
        #expect(ending.outcome == .failed)
        #expect(ending.result.reason == "Gave up after \(failures + 1) tries.")
        #expect(ending.runAfter == nil)
    }

    @Test func `a permanent failure fails at once`() throws {
        let ending = try ending(.permanent)
        #expect(ending.to == .failed)
        #expect(ending.result.reason == nil)
        #expect(ending.errorCode == "toy.code")
    }

    @Test func `a cancelled attempt cancels its step`() throws {
        let ending = try ending(.cancelled)
        #expect(ending.to == .cancelled)
        #expect(ending.outcome == .cancelled)
    }

    @Test func `an interruption keeps its place in the queue and costs nothing, after any number of failures`() throws {
        let ending = try ending(.interrupted, failures: 99)
        #expect(ending.to == .queued)
        #expect(ending.outcome == .interrupted)
        #expect(ending.cost == .nothing)
        #expect(ending.runAfter == nil)
    }

    @Test func `throttling waits until the time that was given, and costs no try`() throws {
        let until = now.addingTimeInterval(100)
        let ending = try ending(.throttled(until: until), failures: 99)
        #expect(ending.to == .queued)
        #expect(ending.outcome == .retry)
        #expect(ending.cost == .throttle)
        #expect(ending.runAfter == until)
        // 1 760 000 100 s after the epoch is 08:55:00.
        #expect(ending.result.reason == "Throttled until 08:55:00 UTC, attempt 1 of 20: It broke.")
    }

    @Test(arguments: [-100, 0, 30])
    func `what cannot be known yet is looked at again, never in the past`(seconds: Int) throws {
        let ending = try ending(.postponed(until: now.addingTimeInterval(Double(seconds))))
        #expect(ending.runAfter == now.addingTimeInterval(Double(max(0, seconds))))
        #expect(ending.cost == .nothing)
        #expect(ending.result.reason?.hasPrefix("It broke. Looks again at 08:5") == true)
    }
}
