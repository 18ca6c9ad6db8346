import Logging
import RabbitMQ
import ServiceLifecycle
import TestSupport
import Testing

@Suite(.rabbitMQ, .timeLimit(.minutes(5)))
struct GracefulShutdownTests {
    let prefix = RabbitMQServer.prefix()

    private func group(_ service: any Service) -> ServiceGroup {
        ServiceGroup(configuration: .init(services: [.init(service: service)], logger: Logger(label: "test")))
    }

    @Test func `a publisher finishes what it holds and refuses the next`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "publish"
        try await withQueues(configuration, [queue]) {
            let publisher = RabbitMQPublisher(
                configuration: configuration, limits: .init(window: 10), logger: Logger(label: "test"))
            let group = group(publisher)
            async let running: Void = group.run()
            try await eventually("it is connected") { publisher.health.status == .connected }
            async let outcomes = publisher.publish(messages(2000, to: queue))
            try await eventually("some are there") {
                try await RabbitMQAdministration.with(configuration) { try await $0.messageCount(queue: queue) } > 0
            }
            await group.triggerGracefulShutdown()
            #expect(try await outcomes.allSatisfy { $0 == .confirmed })
            try await running
            #expect(publisher.health.status == .closed)
            await #expect { _ = try await publisher.publish(messages(1, to: queue)) } throws: {
                ($0 as? RabbitMQError)?.code == .closed
            }
        }
    }

    @Test func `a consumer gives back what nobody took and waits until the rest is settled`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "consume"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { _ = try await $0.publish(messages(20, to: queue)) }
            let consumer = RabbitMQConsumer(
                configuration: configuration, queue: queue, prefetch: 20, logger: Logger(label: "test"))
            let group = group(consumer)
            async let running: Void = group.run()
            var held = try await consumer.take(5)
            await group.triggerGracefulShutdown()
            // The group tells its services in its own time; until then deliveries are handed out.
            while case let more = try await consumer.nextBatch(max: 1), !more.isEmpty { held += more }
            try await consumer.acknowledge(held)
            try await running
            let depth = { try await RabbitMQAdministration.with(configuration) { try await $0.inspect(queue: queue) } }
            try await eventually("only those that were acknowledged are gone") {
                try await depth() == RabbitMQQueueDepth(messages: 20 - held.count, consumers: 0)
            }
        }
    }

    @Test func `cancellation ends both at once`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "cancel"
        try await withQueues(configuration, [queue]) {
            let begun = ContinuousClock.now
            try await withPublisher(configuration) { publisher in
                try await withConsumer(configuration, queues: [queue]) { consumer in
                    _ = try await publisher.publish(messages(5, to: queue))
                    _ = try await consumer.take(5)
                }
            }
            #expect(ContinuousClock.now - begun < .seconds(60))
        }
    }
}
