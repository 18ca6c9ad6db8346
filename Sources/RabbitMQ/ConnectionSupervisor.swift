import EventLoops
import Logging
import NIOConcurrencyHelpers

/// One connection, from its opening to its end; pinned to a loop of its own.
protocol RabbitMQSession: Actor {
    nonisolated var guardian: SocketGuard { get }
    /// Connects and logs in, to the first host that accepts; returns it. Blocks the session's thread meanwhile.
    func open() throws(RabbitMQError) -> RabbitMQConfiguration.Host?
    /// Reads until the connection ends or the task is cancelled, which returns nil.
    func run() async -> RabbitMQError?
    /// Says goodbye to the broker, if it still listens.
    func close()
}

/// Keeps one connection up: connects, runs the session, and connects again with full jitter, until it is cancelled.
///
/// An outage is two lines in the log: lost, and back after so many seconds. Every attempt in between is a debug line.
final class ConnectionSupervisor<Session: RabbitMQSession>: Sendable {
    /// A connection that broke sooner than this does not reset the backoff, or a cause that comes back with the first
    /// message would be met with all speed.
    private static var settledAfter: Duration { .seconds(5) }
    private static var watchdogTick: Duration { .milliseconds(200) }

    private struct State {
        var session: Session?
        var waiters: [Promise<Session>] = []
        var health = RabbitMQHealth.closed
        var guardian: SocketGuard?
        // Services start side by side, so one that has not begun yet is only waited for.
        var hasEnded = false
    }

    private let configuration: RabbitMQConfiguration
    private let logger: Logger
    private let makeSession: @Sendable (_ epoch: UInt64, _ loop: PollLoop) -> Session
    private let state = NIOLockedValueBox(State())

    init(
        configuration: RabbitMQConfiguration, logger: Logger,
        makeSession: @escaping @Sendable (_ epoch: UInt64, _ loop: PollLoop) -> Session
    ) {
        self.configuration = configuration
        var logger = logger
        logger[metadataKey: RabbitMQKeys.Log.connection] = "\(configuration.connectionName)"
        self.logger = logger
        self.makeSession = makeSession
    }

    var health: RabbitMQHealth {
        state.withLockedValue { $0.health }
    }

    /// The session that is up now.
    var session: Session? {
        state.withLockedValue { $0.session }
    }

    /// Whether `run` has run and does no more.
    var hasEnded: Bool {
        state.withLockedValue(\.hasEnded)
    }

    func updateHealth(_ change: (inout RabbitMQHealth) -> Void) {
        state.withLockedValue { change(&$0.health) }
    }

    /// The session that is up, or the next one.
    /// - Throws: `.notConnected` when none came up in time; `.closed` when `run` has ended.
    func session(within limit: Duration) async throws -> Session {
        let (session, promise): (Session?, Promise<Session>?) = try state.withLockedValue { state in
            if let session = state.session { return (session, nil) }
            if state.hasEnded { throw RabbitMQError(.closed, operation: "use connection") }
            let promise = Promise<Session>()
            state.waiters.append(promise)
            return (nil, promise)
        }
        if let session { return session }
        guard let promise else { throw RabbitMQError(.notConnected, operation: "wait for a connection") }
        defer { state.withLockedValue { $0.waiters.removeAll { $0 === promise } } }
        let reason = health.reason ?? ""
        return try await promise.value(
            within: limit, orThrow: RabbitMQError(.notConnected, operation: "wait for a connection", detail: reason))
    }

    /// Keeps the connection up until the task is cancelled.
    func run() async {
        state.withLockedValue { state in
            state.health.status = .connecting
            state.hasEnded = false
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.watch() }
            await keepConnected()
            group.cancelAll()
        }
        let waiters = state.withLockedValue { state in
            state.health.status = .closed
            state.hasEnded = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.fail(RabbitMQError(.closed, operation: "use connection")) }
    }

    private func keepConnected() async {
        var attempt = 0
        var epoch: UInt64 = 0
        var lostAt: ContinuousClock.Instant?
        while !Task.isCancelled {
            let loop = PollLoop(name: "rabbitmq")
            let session = makeSession(epoch + 1, loop)
            state.withLockedValue { $0.guardian = session.guardian }
            var failure: RabbitMQError?
            let begunAt = ContinuousClock.now
            do throws(RabbitMQError) {
                let host = try await session.open()
                epoch += 1
                logConnected(host, epoch: epoch, lostAt: lostAt)
                lostAt = nil
                announce(session, host: host, epoch: epoch)
                failure = await withTaskExecutorPreference(loop) { await session.run() }
                await session.close()
            } catch {
                failure = error
            }
            loop.shutdown()
            withdraw(failure)
            guard let failure, !Task.isCancelled else { return }
            if ContinuousClock.now - begunAt > Self.settledAfter, lostAt == nil { attempt = 0 }
            attempt += 1
            if lostAt == nil {
                lostAt = .now
                logLost(failure)
            }
            await pause(beforeAttempt: attempt, after: failure)
        }
    }

    /// Frees a session whose thread hangs in a write.
    private func watch() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.watchdogTick)
            let guardian = state.withLockedValue { $0.guardian }
            if guardian?.cutIfOverdue(now: .now) == true {
                logger.debug("A write to the broker hung and was cut")
            }
        }
    }

    private func announce(_ session: Session, host: RabbitMQConfiguration.Host?, epoch: UInt64) {
        let waiters = state.withLockedValue { state in
            state.session = session
            state.health.status = .connected
            state.health.host = host?.description
            state.health.epoch = epoch
            state.health.reason = nil
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.succeed(session) }
    }

    /// The session of that epoch is of no use to anybody from now on, though it has not ended yet.
    func retract(_ epoch: UInt64) {
        state.withLockedValue { state in
            guard state.health.epoch == epoch else { return }
            state.session = nil
            if state.health.status != .closed { state.health.status = .connecting }
        }
    }

    private func withdraw(_ failure: RabbitMQError?) {
        state.withLockedValue { state in
            state.session = nil
            state.guardian = nil
            state.health.status = .connecting
            state.health.host = nil
            state.health.reason = failure?.description
        }
    }

    private func pause(beforeAttempt attempt: Int, after failure: RabbitMQError) async {
        var generator = SystemRandomNumberGenerator()
        let delay = configuration.backoff.delay(attempt: attempt, using: &generator)
        logger.debug(
            "Waiting before the next attempt to connect",
            metadata: [
                RabbitMQKeys.Log.attempt: "\(attempt)", RabbitMQKeys.Log.delaySeconds: "\(delay / .seconds(1))",
                RabbitMQKeys.Log.detail: "\(failure.debugDescription)",
            ])
        // Cancellation ends the pause, and the loop looks for it.
        try? await Task.sleep(for: delay)
    }

    private func logConnected(
        _ host: RabbitMQConfiguration.Host?, epoch: UInt64, lostAt: ContinuousClock.Instant?
    ) {
        var metadata: Logger.Metadata = [
            RabbitMQKeys.Log.host: "\(host?.description ?? "")", RabbitMQKeys.Log.epoch: "\(epoch)",
        ]
        guard let lostAt else {
            logger.debug("Connected to the broker", metadata: metadata)
            return
        }
        metadata[RabbitMQKeys.Log.outageSeconds] = "\((ContinuousClock.now - lostAt).components.seconds)"
        logger.info("Broker connection is back", metadata: metadata)
    }

    private func logLost(_ failure: RabbitMQError) {
        logger.warning(
            "Broker connection lost; reconnecting",
            metadata: [
                RabbitMQKeys.Log.error: "\(failure)",
                RabbitMQKeys.Log.host: "\(configuration.hosts.map(\.description).joined(separator: ","))",
            ])
    }
}
