import Broker
import Jobs
import Logging
import RabbitMQ
import TestSupport
import Testing

/// Runs the body with a topology of its own, and removes that afterwards.
func withTopology(
    creates: Bool = true, versions: [StepKind: [Int16]] = BrokerTopology.currentVersions,
    _ body: (RabbitMQConfiguration, BrokerTopology) async throws -> Void
) async throws {
    let server = try #require(RabbitMQServer.current)
    var configuration = RabbitMQConfiguration(
        hosts: [.init(server.host, port: server.port)], user: server.user, password: server.password)
    configuration.backoff.cap = .seconds(1)
    let topology = BrokerTopology(prefix: RabbitMQServer.prefix() + "rosterline", versions: versions)
    if creates { try await topology.create(configuration) }
    try await body(configuration, topology)
    try await topology.delete(configuration)
}

/// Runs a publisher and a consumer of all kinds beside the body.
func withStepServices(
    _ configuration: RabbitMQConfiguration, _ topology: BrokerTopology, kinds: [StepKind] = StepKind.allCases,
    logger: Logger = Logger(label: "test"), _ body: (StepPublisher, StepConsumer) async throws -> Void
) async throws {
    let publisher = StepPublisher(configuration: configuration, topology: topology, logger: logger)
    let consumer = StepConsumer(
        configuration: configuration, topology: topology, kinds: kinds, prefetch: 1000, logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await publisher.run() }
        group.addTask { try await consumer.run() }
        defer { group.cancelAll() }
        try await eventually("both are connected") {
            publisher.health.status == .connected && consumer.health.status == .connected
        }
        try await body(publisher, consumer)
    }
}

func step(_ kind: StepKind, ordinal: Int16 = 1) -> StepMessage {
    StepMessage(job: .random(), ordinal: ordinal, kind: kind)
}
