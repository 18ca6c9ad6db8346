/// An exchange as it should be.
package struct RabbitMQExchange: Sendable, Hashable {
    /// How it chooses queues.
    package enum Kind: String, Sendable {
        /// Routes by the whole key.
        case direct
        /// Routes to every bound queue.
        case fanout
        /// Routes by patterns over the words of the key.
        case topic
        case headers
    }

    /// At most 255 bytes; `amq.` at the beginning is the broker's own.
    package let name: String
    /// How it chooses queues.
    package let kind: Kind
    /// Whether it survives a restart of the broker.
    package let isDurable: Bool
    /// Cannot be changed without deleting the exchange.
    package let arguments: [String: RabbitMQValue]

    package init(
        _ name: String, kind: Kind = .direct, isDurable: Bool = true, arguments: [String: RabbitMQValue] = [:]
    ) {
        self.name = name
        self.kind = kind
        self.isDurable = isDurable
        self.arguments = arguments
    }
}

/// A queue as it should be.
package struct RabbitMQQueue: Sendable, Hashable {
    /// At most 255 bytes; `amq.` at the beginning is the broker's own.
    package let name: String
    /// Whether it survives a restart of the broker.
    package let isDurable: Bool
    /// Whether it lives and dies with the connection that declares it.
    package let isExclusive: Bool
    /// Cannot be changed without deleting the queue; what may change belongs into a policy.
    package let arguments: [String: RabbitMQValue]

    package init(
        _ name: String, isDurable: Bool = true, isExclusive: Bool = false, arguments: [String: RabbitMQValue] = [:]
    ) {
        self.name = name
        self.isDurable = isDurable
        self.isExclusive = isExclusive
        self.arguments = arguments
    }

    /// A replicated, durable queue.
    package static func quorum(_ name: String) -> RabbitMQQueue {
        RabbitMQQueue(name, arguments: ["x-queue-type": "quorum"])
    }
}

/// Messages of an exchange with a key go to a queue.
package struct RabbitMQBinding: Sendable, Hashable {
    /// The target.
    package let queue: String
    /// The source.
    package let exchange: String
    /// What it means is the matter of the exchange's kind.
    package let routingKey: String

    package init(queue: String, exchange: String, routingKey: String) {
        self.queue = queue
        self.exchange = exchange
        self.routingKey = routingKey
    }
}

/// How full a queue is.
package struct RabbitMQQueueDepth: Sendable, Hashable {
    /// Ready to be delivered; those that a consumer holds are not counted.
    package let messages: Int
    /// Those that are consuming now.
    package let consumers: Int

    package init(messages: Int, consumers: Int) {
        self.messages = messages
        self.consumers = consumers
    }
}
