/// How far a publisher goes before it waits or gives up.
package struct RabbitMQPublisherLimits: Sendable, Hashable {
    /// Messages that may wait for their confirm at once; 1 or more, default 1024.
    package var window: Int
    /// How long the oldest confirm may take before the connection counts as broken; default 30 s.
    package var confirmTimeout: Duration
    /// How long a memory or disk alarm is waited out, and how long a write may hang; default 30 s.
    package var blockedTimeout: Duration
    /// How long a publish waits for a connection; default 10 s.
    package var connectionTimeout: Duration

    /// Each value has the default that its property names.
    package init(
        window: Int = 1024, confirmTimeout: Duration = .seconds(30), blockedTimeout: Duration = .seconds(30),
        connectionTimeout: Duration = .seconds(10)
    ) {
        precondition(window >= 1, "a window of \(window)")
        self.window = window
        self.confirmTimeout = confirmTimeout
        self.blockedTimeout = blockedTimeout
        self.connectionTimeout = connectionTimeout
    }
}

/// What a publisher or consumer can say about its connection.
package struct RabbitMQHealth: Sendable, Equatable {
    /// How things stand, in one word.
    package enum Status: String, Sendable {
        /// Not run yet, or shut down.
        case closed
        /// No connection; attempts go on.
        case connecting
        case connected
        /// Connected, but an alarm of the broker stops publishing.
        case blocked
    }

    /// How things stand, in one word.
    package var status: Status
    /// The host it is connected to.
    package var host: String?
    /// Connections so far.
    package var epoch: UInt64
    /// Why there is no connection, or why publishing is blocked.
    package var reason: String?
    /// Queues that a consumer cannot consume, since they do not exist; looked for every 2 s.
    package var missingQueues: [String]

    static let closed = RabbitMQHealth(status: .closed, host: nil, epoch: 0, reason: nil, missingQueues: [])
}
