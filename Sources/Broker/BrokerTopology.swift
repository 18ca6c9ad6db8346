package import Jobs
package import RabbitMQ

/// Every exchange, queue and binding of the product, in one table.
///
/// | exchange | kind | routes |
/// |---|---|---|
/// | `<prefix>.steps` | direct | key `<kind>` to queue `<prefix>.steps.<kind>`, one for each step kind, version 1 |
/// | | | key `<kind>.v<n>` to queue `<prefix>.steps.<kind>.v<n>`, one for each later version of its messages |
/// | `<prefix>.dead` | fanout | everything to queue `<prefix>.dead` |
///
/// All are durable, all queues are quorum queues. The queue type is the only argument of a declaration, since
/// arguments cannot change without deleting the queue: limits and dead-lettering are policies (``BrokerPolicy``). That
/// is also the subset which RabbitMQ 3.10 to 4.3 understand alike.
///
/// A version has a queue of its own so that old and new workers can run side by side: each listens only to what it
/// reads, and nobody has to give a message back.
///
/// There is no alternate exchange, on purpose: a message that one takes counts as routed, so it would be confirmed and
/// not come back, and the outbox would hold for sent what no worker can hear. A message that comes back stays in the
/// outbox.
package struct BrokerTopology: Sendable, Hashable {
    /// The versions of messages that this program knows: each kind's first.
    package static let currentVersions: [StepKind: [Int16]] = Dictionary(
        uniqueKeysWithValues: StepKind.allCases.map { ($0, [StepMessage.currentVersion]) })

    /// Begins every name; default `rosterline`.
    package let prefix: String
    /// Which versions of each kind's messages have a queue, each 1 or more. Leave an old one in as long as a message of
    /// it may be under way.
    package let versions: [StepKind: [Int16]]

    /// - Parameters:
    ///   - prefix: begins every name; letters, digits, dots and hyphens.
    ///   - versions: a kind that is not named has no queue.
    package init(prefix: String = "rosterline", versions: [StepKind: [Int16]] = BrokerTopology.currentVersions) {
        precondition(versions.values.allSatisfy { $0.allSatisfy { $0 > 0 } }, "versions below 1 in \(versions)")
        self.prefix = prefix
        self.versions = versions
    }

    /// Where steps are published, with ``routingKey(for:version:)``.
    package var stepExchange: String { "\(prefix).steps" }
    /// Where the broker puts what was rejected or came back too often.
    package var deadExchange: String { "\(prefix).dead" }
    /// Holds it until somebody looks.
    package var deadQueue: String { "\(prefix).dead" }

    /// The queue of a step kind, for one version of its messages.
    package func queue(for kind: StepKind, version: Int16 = 1) -> String {
        "\(stepExchange).\(routingKey(for: kind, version: version))"
    }

    /// By which a step's message finds its queue. The first version has no suffix: its queues are older than versions.
    package func routingKey(for kind: StepKind, version: Int16 = 1) -> String {
        version == 1 ? kind.rawValue : "\(kind.rawValue).v\(version)"
    }

    /// Every kind with each version that has a queue, in the order of the kinds.
    package var routes: [(kind: StepKind, version: Int16)] {
        StepKind.allCases.flatMap { kind in
            Set(versions[kind] ?? []).sorted().map { (kind, $0) }
        }
    }

    /// What `create` declares first.
    package var exchanges: [RabbitMQExchange] {
        [RabbitMQExchange(stepExchange, kind: .direct), RabbitMQExchange(deadExchange, kind: .fanout)]
    }

    /// One for each version of each step kind, and the dead-letter queue.
    package var queues: [RabbitMQQueue] {
        routes.map { .quorum(queue(for: $0.kind, version: $0.version)) } + [.quorum(deadQueue)]
    }

    /// What `create` declares last.
    package var bindings: [RabbitMQBinding] {
        routes.map {
            RabbitMQBinding(
                queue: queue(for: $0.kind, version: $0.version), exchange: stepExchange,
                routingKey: routingKey(for: $0.kind, version: $0.version))
        } + [RabbitMQBinding(queue: deadQueue, exchange: deadExchange, routingKey: "")]
    }

    /// Creates what is missing; what is there as it should be stays as it is.
    ///
    /// Any number of processes may do so at once. Does not set policies, which AMQP cannot.
    /// - Throws: `BrokerError` with `.topologyMismatch` when something of that name is otherwise, `.accessRefused`
    ///   without the permission to configure, `.unavailable` without a broker.
    package func create(_ configuration: RabbitMQConfiguration) async throws {
        try await BrokerError.wrapping {
            try await RabbitMQAdministration.with(configuration) { try await create(over: $0) }
        }
    }

    func create(over broker: RabbitMQAdministration) async throws {
        for exchange in exchanges { try await broker.declare(exchange) }
        for queue in queues { try await broker.declare(queue) }
        for binding in bindings { try await broker.bind(binding) }
    }

    /// Checks, without changing anything, that all exchanges and queues are there.
    /// - Returns: the names of those that are missing.
    /// - Throws: `BrokerError`.
    package func missing(_ configuration: RabbitMQConfiguration) async throws -> [String] {
        try await BrokerError.wrapping {
            try await RabbitMQAdministration.with(configuration) { broker in
                var missing: [String] = []
                for exchange in exchanges where try await !exists({ try await broker.inspect(exchange: exchange.name) })
                {
                    missing.append("exchange \(exchange.name)")
                }
                for queue in queues where try await !exists({ try await broker.inspect(queue: queue.name) }) {
                    missing.append("queue \(queue.name)")
                }
                return missing
            }
        }
    }

    /// Removes everything, messages included.
    /// - Throws: `BrokerError`.
    package func delete(_ configuration: RabbitMQConfiguration) async throws {
        try await BrokerError.wrapping {
            try await RabbitMQAdministration.with(configuration) { broker in
                for queue in queues { try await broker.delete(queue: queue.name) }
                for exchange in exchanges { try await broker.delete(exchange: exchange.name) }
            }
        }
    }

    private func exists(_ inspect: () async throws -> Void) async throws -> Bool {
        do {
            try await inspect()
            return true
        } catch let error as RabbitMQError where error.code == .notFound {
            return false
        }
    }
}
