package import Jobs
package import RabbitMQ

/// How full the product's queues are.
package struct QueueDepth: Sendable, Hashable {
    /// Its name at the broker.
    package let queue: String
    /// Nil is the dead-letter queue.
    package let kind: StepKind?
    /// Of the messages in it; 1 for the dead-letter queue, which holds all.
    package let version: Int16
    /// Messages ready to be delivered; those that a worker holds are not counted.
    package let ready: Int
    /// Workers that listen to it now.
    package let consumers: Int

    /// Asks the broker for all queues of the topology; one that is missing is left out.
    /// - Throws: `BrokerError`.
    package static func read(
        _ configuration: RabbitMQConfiguration, topology: BrokerTopology
    ) async throws -> [QueueDepth] {
        let queues: [(String, StepKind?, Int16)] =
            topology.routes.map { (topology.queue(for: $0.kind, version: $0.version), $0.kind, $0.version) }
            + [(topology.deadQueue, nil, 1)]
        return try await BrokerError.wrapping {
            try await RabbitMQAdministration.with(configuration) { broker in
                var depths: [QueueDepth] = []
                for (queue, kind, version) in queues {
                    do {
                        let depth = try await broker.inspect(queue: queue)
                        depths.append(
                            QueueDepth(
                                queue: queue, kind: kind, version: version, ready: depth.messages,
                                consumers: depth.consumers))
                    } catch let error as RabbitMQError where error.code == .notFound {
                        continue
                    }
                }
                return depths
            }
        }
    }
}
