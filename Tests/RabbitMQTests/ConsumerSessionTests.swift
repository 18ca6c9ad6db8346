import EventLoops
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import RabbitMQ

@Suite(.rabbitMQ, .timeLimit(.minutes(5)))
struct ConsumerSessionTests {
    /// Nobody can reach a session before it runs.
    @Test(arguments: [true, false])
    func `what is paused or resumed between a session's opening and its running is not missed`(
        isPausedFirst: Bool
    ) async throws {
        let configuration = try testConfiguration()
        let queue = RabbitMQServer.prefix() + "gap"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { _ = try await $0.publish(messages(1, to: queue)) }
            let isPaused = NIOLockedValueBox(isPausedFirst)
            let buffer = DeliveryBuffer()
            let loop = PollLoop(name: "test")
            defer { loop.shutdown() }
            let session = ConsumerSession(
                ConsumerSession.Setup(
                    configuration: configuration, queues: [queue], prefetch: 10, consumerTag: nil, buffer: buffer,
                    isPaused: { isPaused.withLockedValue(\.self) }, onMissing: { _, _, _ in }),
                epoch: 1, loop: loop)
            _ = try await session.open()
            isPaused.withLockedValue { $0.toggle() }
            let running = Task { await session.run() }
            if isPausedFirst {
                let deliveries = try await buffer.next(limit: 1)
                #expect(deliveries.count == 1)
            } else {
                // It goes to whoever listens.
                let taken = try await withConsumer(configuration, queues: [queue]) { try await $0.take(1).count }
                #expect(taken == 1)
            }
            running.cancel()
            _ = await running.value
            await session.close()
        }
    }
}
