import EventLoops

/// Declares, inspects and removes what a virtual host holds, over a connection of its own.
///
/// Each operation is one request, answered within `connectTimeout`. After an error that closes the channel (404, 403,
/// 405, 406) the next operation opens a new one. No reconnecting: it is made, used and closed.
package actor RabbitMQAdministration {
    nonisolated let loop = PollLoop(name: "rabbitmq-admin")
    nonisolated package var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnowned }

    private let guardian = SocketGuard()
    private let configuration: RabbitMQConfiguration
    var handle: RabbitMQHandle
    private var isOpen = false
    private var isChannelOpen = true

    /// What the broker says of itself, as `3.10.8`.
    package private(set) var serverVersion: String?

    private init(_ configuration: RabbitMQConfiguration) {
        self.configuration = configuration
        handle = RabbitMQHandle(configuration: configuration, guardian: guardian)
    }

    deinit {
        loop.shutdown()
    }

    /// Connects to the first host that accepts.
    /// - Throws: `RabbitMQError`.
    package static func connect(_ configuration: RabbitMQConfiguration) async throws -> RabbitMQAdministration {
        let administration = RabbitMQAdministration(configuration)
        try await administration.open()
        return administration
    }

    /// Connects, calls the body, and closes, whatever comes of it.
    @discardableResult
    package static func with<Result: Sendable>(
        _ configuration: RabbitMQConfiguration, _ body: (RabbitMQAdministration) async throws -> Result
    ) async throws -> Result {
        let administration = try await connect(configuration)
        do {
            let result = try await body(administration)
            await administration.close()
            return result
        } catch {
            await administration.close()
            throw error
        }
    }

    /// Says goodbye; every later operation throws `.closed`. Closing twice is fine.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        handle.close()
        handle = RabbitMQHandle(configuration: configuration, guardian: guardian)
    }

    /// Creates the exchange, or checks that it is like this.
    /// - Throws: `RabbitMQError` with `.preconditionFailed` when it is otherwise, `.accessRefused`.
    package func declare(_ exchange: RabbitMQExchange) throws {
        try perform { handle throws(RabbitMQError) in try handle.declare(exchange) }
    }

    /// Creates the queue, or checks that it is like this.
    /// - Throws: `RabbitMQError` with `.preconditionFailed` when it is otherwise, `.accessRefused`, `.resourceLocked`.
    @discardableResult
    package func declare(_ queue: RabbitMQQueue) throws -> RabbitMQQueueDepth {
        try perform { handle throws(RabbitMQError) in try handle.declare(queue) }
    }

    /// How full an existing queue is.
    /// - Throws: `RabbitMQError` with `.notFound`.
    @discardableResult
    package func inspect(queue: String) throws -> RabbitMQQueueDepth {
        try perform { handle throws(RabbitMQError) in try handle.inspect(queue: queue) }
    }

    /// Checks that an exchange exists.
    /// - Throws: `RabbitMQError` with `.notFound`.
    package func inspect(exchange: String) throws {
        try perform { handle throws(RabbitMQError) in try handle.inspect(exchange: exchange) }
    }

    /// Messages of an existing queue that are ready to be delivered.
    package func messageCount(queue: String) throws -> Int {
        try inspect(queue: queue).messages
    }

    /// Routes messages of an exchange with a key to a queue; once more is fine.
    /// - Throws: `RabbitMQError` with `.notFound` when one of them is missing, `.accessRefused`.
    package func bind(_ binding: RabbitMQBinding) throws {
        try perform { handle throws(RabbitMQError) in try handle.bind(binding) }
    }

    /// Ends that; one that does not exist is no error.
    package func unbind(_ binding: RabbitMQBinding) throws {
        try perform { handle throws(RabbitMQError) in try handle.unbind(binding) }
    }

    /// Drops the messages of a queue that are ready; returns how many.
    @discardableResult
    package func purge(queue: String) throws -> Int {
        try perform { handle throws(RabbitMQError) in try handle.purge(queue: queue) }
    }

    /// Removes a queue with its messages; returns how many there were. One that does not exist is no error.
    @discardableResult
    package func delete(queue: String) throws -> Int {
        try perform { handle throws(RabbitMQError) in try handle.delete(queue: queue) }
    }

    /// Removes an exchange. One that does not exist is no error.
    package func delete(exchange: String) throws {
        try perform { handle throws(RabbitMQError) in try handle.delete(exchange: exchange) }
    }

    /// Closes the socket without a word, for a broker that no longer listens.
    func drop() {
        isOpen = false
        handle = RabbitMQHandle(configuration: configuration, guardian: guardian)
    }

    private func open() throws(RabbitMQError) {
        handle = try RabbitMQHandle.connect(configuration, guardian: guardian)
        serverVersion = handle.serverVersion
        isOpen = true
    }

    func perform<Result>(
        _ body: (inout RabbitMQHandle) throws(RabbitMQError) -> Result
    ) throws(RabbitMQError) -> Result {
        guard isOpen else { throw RabbitMQError(.closed, operation: "administer the broker") }
        if !isChannelOpen { try handle.openChannel(RabbitMQHandle.trafficChannel) }
        isChannelOpen = false
        let result = try body(&handle)
        isChannelOpen = true
        return result
    }
}
