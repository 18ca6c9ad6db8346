import LocalServers
import Logging
import RabbitMQ
import TestSupport
import Testing

/// A configuration for the node of the suite that is running.
func testConfiguration(_ name: String = "test") throws -> RabbitMQConfiguration {
    let server = try #require(RabbitMQServer.current)
    var configuration = RabbitMQConfiguration(
        hosts: [.init(server.host, port: server.port)], user: server.user, password: server.password,
        connectTimeout: .seconds(30), connectionName: name)
    configuration.backoff.cap = .seconds(1)
    return configuration
}

/// Runs services beside the body, and ends them with it.
func withRunning<Result: Sendable>(
    _ services: [@Sendable () async throws -> Void], _ body: () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for service in services { group.addTask { try await service() } }
        defer { group.cancelAll() }
        return try await body()
    }
}

/// Runs a publisher beside the body.
func withPublisher<Result: Sendable>(
    _ configuration: RabbitMQConfiguration, limits: RabbitMQPublisherLimits = RabbitMQPublisherLimits(),
    logger: Logger = Logger(label: "test"), _ body: (RabbitMQPublisher) async throws -> Result
) async throws -> Result {
    let publisher = RabbitMQPublisher(configuration: configuration, limits: limits, logger: logger)
    return try await withRunning([publisher.run]) { try await body(publisher) }
}

/// Runs a consumer beside the body.
func withConsumer<Result: Sendable>(
    _ configuration: RabbitMQConfiguration, queues: [String], prefetch: UInt16 = 100,
    logger: Logger = Logger(label: "test"), _ body: (RabbitMQConsumer) async throws -> Result
) async throws -> Result {
    let consumer = RabbitMQConsumer(configuration: configuration, queues: queues, prefetch: prefetch, logger: logger)
    return try await withRunning([consumer.run]) { try await body(consumer) }
}

/// Declares quorum queues for the body, and deletes them afterwards.
func withQueues<Result: Sendable>(
    _ configuration: RabbitMQConfiguration, _ names: [String], _ body: () async throws -> Result
) async throws -> Result {
    try await RabbitMQAdministration.with(configuration) { broker in
        for name in names { try await broker.declare(.quorum(name)) }
    }
    let result = try await body()
    try await RabbitMQAdministration.with(configuration) { broker in
        for name in names { try await broker.delete(queue: name) }
    }
    return result
}

extension RabbitMQConsumer {
    /// Takes deliveries until there are so many.
    func take(_ count: Int, batch: Int = 100) async throws -> [RabbitMQDelivery] {
        var taken: [RabbitMQDelivery] = []
        while taken.count < count {
            let batch = try await nextBatch(max: min(batch, count - taken.count))
            if batch.isEmpty { break }
            taken += batch
        }
        return taken
    }
}

func messages(_ count: Int, to queue: String, body: String = "message") -> [RabbitMQMessage] {
    (0..<count).map {
        RabbitMQMessage(exchange: "", routingKey: queue, body: Array("\(body) \($0)".utf8), messageID: "\($0)")
    }
}
