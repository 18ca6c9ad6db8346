import Foundation
import Jobs
import Testing

@Suite struct RetryPolicyTests {
    private let now = Date(timeIntervalSince1970: 1_700_000_000)
    private let policy = RetryPolicy(attemptLimit: 4, firstDelay: .seconds(10), longestDelay: .seconds(60))

    private func decision(
        _ failureClass: StepFailure.Class, failures: Int, throttles: Int = 0
    ) -> RetryPolicy.Decision {
        var generator = FixedGenerator(value: .max)
        let failure = StepFailure(failureClass, code: "test", message: "Test.")
        return policy.decision(
            on: failure, failures: failures, throttles: throttles, now: now, using: &generator)
    }

    @Test(arguments: [(0, 10.0), (1, 20.0), (2, 40.0), (3, 60.0), (300, 60.0)])
    func `the bound of the delay doubles up to the longest`(failures: Int, bound: Double) {
        var highest = FixedGenerator(value: .max)
        var lowest = FixedGenerator(value: 0)
        #expect(abs(policy.delay(failures: failures, using: &highest) - bound) < 0.001)
        #expect(policy.delay(failures: failures, using: &lowest) == 0)
    }

    @Test func `a transient failure is tried again until the limit`() {
        guard case .tryAgain(_, cost: .attempt) = decision(.transient, failures: 2) else {
            Issue.record("The third failure of four should be tried again.")
            return
        }
        #expect(decision(.transient, failures: 3) == .fail)
    }

    @Test(arguments: [0, 3, 300])
    func `an interruption costs no try and waits for nothing`(failures: Int) {
        #expect(decision(.interrupted, failures: failures) == .tryAgain(after: now, cost: .nothing))
    }

    @Test(arguments: [0, 3, 300])
    func `a throttled step waits as long as it was told and loses no try`(failures: Int) {
        let until = now.addingTimeInterval(77)
        #expect(decision(.throttled(until: until), failures: failures) == .tryAgain(after: until, cost: .throttle))
        #expect(
            decision(.throttled(until: now.addingTimeInterval(-5)), failures: failures)
                == .tryAgain(after: now, cost: .throttle))
    }

    @Test func `a limit that never lifts fails the step in the end`() {
        let throttled = StepFailure.Class.throttled(until: now)
        #expect(decision(throttled, failures: 0, throttles: 18) == .tryAgain(after: now, cost: .throttle))
        #expect(decision(throttled, failures: 0, throttles: 19) == .fail)
    }

    @Test(arguments: [0, 3, 300])
    func `a step that has to look again later looks as often as it must`(throttles: Int) {
        let until = now.addingTimeInterval(5)
        #expect(
            decision(.postponed(until: until), failures: 0, throttles: throttles)
                == .tryAgain(after: until, cost: .nothing))
    }

    @Test func `a permanent failure is never tried again`() {
        #expect(decision(.permanent, failures: 0) == .fail)
        #expect(decision(.cancelled, failures: 0) == .cancel)
    }
}

/// Gives the same number for ever.
private struct FixedGenerator: RandomNumberGenerator {
    let value: UInt64
    mutating func next() -> UInt64 { value }
}
