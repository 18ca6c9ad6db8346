import Testing

@testable import RabbitMQ

@Suite struct RejectionRunTests {
    private let begin = ContinuousClock.now
    private let message = RabbitMQMessage(exchange: "e", routingKey: "full", body: [])

    private func at(_ seconds: Int) -> ContinuousClock.Instant { begin + .seconds(seconds) }

    @Test func `five seconds of nothing but refusals renew the connection, then not for a minute`() {
        var run = RejectionRun()
        let renewals = (0...70).filter { run.take([message], [.rejected], at: at($0)) }
        #expect(renewals == [5, 65])
    }

    @Test func `a confirm ends the run, one of another place does not`() {
        var run = RejectionRun()
        let other = RabbitMQMessage(exchange: "e", routingKey: "empty", body: [])
        let both = [message, other]
        let answers = [
            run.take(both, [.rejected, .confirmed], at: at(0)), run.take([message], [.confirmed], at: at(4)),
            run.take(both, [.rejected, .confirmed], at: at(6)), run.take(both, [.rejected, .confirmed], at: at(11)),
        ]
        #expect(answers == [false, false, false, true])
    }

    @Test func `without refusals nothing is noted`() {
        var run = RejectionRun()
        let answers = [0, 100].map { run.take([message], [.confirmed], at: at($0)) }
        #expect(answers == [false, false])
    }
}
