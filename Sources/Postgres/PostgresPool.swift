package import EventLoops
package import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle

/// A bounded set of connections, made when needed and replaced when broken.
///
/// ``run()`` must run for the pool to connect; until then callers wait. Decisions are those of `PoolStateMachine`, kept
/// under one lock. What a body sets on its session stays set for the next one: use `SET LOCAL` in a transaction.
package final class PostgresPool: Service, PostgresQuerying {
    typealias Machine = PoolStateMachine<PostgresConnection, CheckedContinuation<PostgresConnection, any Error>>

    package let configuration: PostgresConfiguration
    /// Where all its connections live; tasks that do little but ask them had best run here.
    package let loop: PollLoop
    private let logger: Logger
    private let machine: NIOLockedValueBox<Machine>
    private let commands: AsyncStream<Command>
    private let commandInput: AsyncStream<Command>.Continuation

    /// What needs a task of `run()`. The machine bounds how many there are: connections, and one wake-up at a time.
    private enum Command {
        case connect
        case wake(at: ContinuousClock.Instant)
        case close(PostgresConnection)
    }

    package init(configuration: PostgresConfiguration, loop: PollLoop = .shared, logger: Logger) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        machine = NIOLockedValueBox(
            Machine(
                limits: .init(
                    size: max(1, configuration.poolSize), waiters: configuration.waiterLimit,
                    acquireTimeout: configuration.acquireTimeout, idleTimeout: configuration.idleTimeout)))
        (commands, commandInput) = AsyncStream.makeStream()
    }

    /// Connects, and keeps time, until the task is cancelled or a graceful shutdown has waited for the last lease.
    package func run() async throws {
        await withTaskCancellationOrGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for await command in commands {
                    group.addTask { await self.follow(command) }
                }
                group.cancelAll()
            }
        } onCancelOrGracefulShutdown: {
            self.perform(self.machine.withLockedValue { $0.shutDown() })
        }
    }

    /// Runs the body with a pool that runs as long as the body does; for commands and tests.
    package static func withPool<Result: Sendable>(
        _ configuration: PostgresConfiguration, logger: Logger, _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        let pool = PostgresPool(configuration: configuration, logger: logger)
        return try await withThrowingTaskGroup { group in
            group.addTask { try await pool.run() }
            let result = try await body(pool)
            group.cancelAll()
            return result
        }
    }

    /// Runs the body with a connection of its own.
    ///
    /// A transaction that the body left open is rolled back.
    /// - Throws: what the body throws; `PostgresError` with `.acquireTimedOut`, `.queueFull`, `.closed`, `.cancelled`,
    ///   or the reason why no connection can be had.
    package func withConnection<Result: Sendable>(
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        let connection = try await acquire()
        let result: Result
        do {
            result = try await body(connection)
        } catch {
            await release(connection)
            throw error
        }
        await release(connection)
        return result
    }

    /// Runs the body in a transaction; repeats all of it, in a new one, after a serialization failure or a deadlock.
    ///
    /// So the body must not have effects elsewhere that may not happen twice.
    /// - Parameter attempts: tries in all; 1 or more.
    /// - Throws: as ``PostgresConnection/withTransaction(isolation:_:)`` and ``withConnection(_:)``.
    package func withTransaction<Result: Sendable>(
        isolation: PostgresTransaction.Isolation = .readCommitted, attempts: Int = 3,
        _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        let jitter = FullJitter(first: .milliseconds(20), limit: .seconds(1))
        var attempt = 1
        while true {
            do {
                return try await withConnection { try await $0.withTransaction(isolation: isolation, body) }
            } catch let error as PostgresError where error.sqlState?.asksForNewTransaction == true && attempt < attempts
            {
                logger.debug(
                    "A transaction is repeated",
                    metadata: [
                        PostgresKeys.Log.sqlState: "\(error.sqlState?.rawValue ?? "")",
                        PostgresKeys.Log.attempt: "\(attempt)",
                    ])
                try await Task.sleep(for: jitter.delay(attempt: attempt))
                attempt += 1
            }
        }
    }

    package func query(_ query: PostgresQuery) async throws -> PostgresRows {
        try await visit { try await $0.query(query) }
    }

    @discardableResult
    package func execute(_ query: PostgresQuery) async throws -> Int {
        try await visit { try await $0.execute(query) }
    }

    package func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresRows] {
        try await visit { try await $0.pipeline(queries) }
    }
}

extension PostgresPool {
    private func acquire() async throws -> PostgresConnection {
        while true {
            let connection = try await lease()
            // One that the server closed while it lay idle is noticed here, before anything is entrusted to it.
            if await connection.isStillAlive() { return connection }
            end(connection, isUsable: false)
        }
    }

    /// As ``withConnection(_:)``, but the body runs on the loop: a statement that needs no more than this goes there
    /// and back once, and not three times.
    private func visit<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) async throws -> Result
    ) async throws -> Result {
        while true {
            let connection = try await lease()
            let visit = await withTaskExecutorPreference(loop) { await connection.visit(body) }
            end(connection, isUsable: visit.isUsable)
            if let outcome = visit.outcome { return try outcome.get() }
        }
    }

    private func lease() async throws -> PostgresConnection {
        if let idle = machine.withLockedValue({ $0.acquireIdle() }) { return idle }
        return try await waitForConnection()
    }

    private func waitForConnection() async throws -> PostgresConnection {
        let ticket = machine.withLockedValue { $0.reserveTicket() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                perform(machine.withLockedValue { $0.acquire(continuation, ticket: ticket, now: .now) })
            }
        } onCancel: {
            perform(machine.withLockedValue { $0.cancel(ticket) })
        }
    }

    private func release(_ connection: PostgresConnection) async {
        end(connection, isUsable: await connection.prepareForReuse())
    }

    private func end(_ connection: PostgresConnection, isUsable: Bool) {
        perform(machine.withLockedValue { $0.release(connection, isUsable: isUsable, now: .now) })
    }

    private func perform(_ actions: [Machine.Action]) {
        for action in actions {
            switch action {
            case .lease(let waiter, let connection): waiter.resume(returning: connection)
            case .refuse(let waiter, let error): waiter.resume(throwing: error)
            case .connect: commandInput.yield(.connect)
            case .wake(let time): commandInput.yield(.wake(at: time))
            case .close(let connection): commandInput.yield(.close(connection))
            case .finish: commandInput.finish()
            case .reportLost(let error):
                logger.error("The database is out of reach; trying again", metadata: metadata(error: error))
            case .reportBack(let duration):
                let seconds = duration.components.seconds
                logger.info("The database is back", metadata: [PostgresKeys.Log.outageSeconds: "\(seconds)"])
            }
        }
    }

    private func metadata(error: PostgresError) -> Logger.Metadata {
        [
            PostgresKeys.Log.host: "\(configuration.hosts.joined(separator: ","))",
            PostgresKeys.Log.port: "\(configuration.port)",
            PostgresKeys.Log.database: "\(configuration.database)",
            PostgresKeys.Log.error: "\(error)",
        ]
    }

    private func follow(_ command: Command) async {
        switch command {
        case .connect: await connect()
        case .wake(let time):
            try? await Task.sleep(until: time, clock: .continuous)
            perform(machine.withLockedValue { $0.tick(now: .now) })
        case .close(let connection): await connection.close()
        }
    }

    private func connect() async {
        do {
            let connection = try await PostgresConnection.connect(configuration, loop: loop, logger: logger)
            perform(machine.withLockedValue { $0.connected(connection, now: .now) })
        } catch {
            let error =
                (error as? PostgresError)
                ?? PostgresError(.connectionFailed, operation: "connect", remedy: "\(error)", isTransient: true)
            let random = Double.random(in: 0...1)
            perform(machine.withLockedValue { $0.connectFailed(error, now: .now, random: random) })
        }
    }
}

extension PostgresConnection {
    /// Looks, without asking the server, whether it has hung up on an idle connection.
    func isStillAlive() -> Bool {
        guard let handle, handle.checkIsAlive() else {
            close()
            return false
        }
        return true
    }

    /// Runs the body and ends what it left open.
    /// - Returns: no outcome where the server has hung up on an idle connection, and the body was not begun.
    func visit<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) async throws -> Result
    ) async -> (outcome: Swift.Result<Result, any Error>?, isUsable: Bool) {
        guard isStillAlive() else { return (nil, false) }
        let outcome: Swift.Result<Result, any Error>
        do {
            outcome = .success(try await body(self))
        } catch {
            outcome = .failure(error)
        }
        return (outcome, await prepareForReuse())
    }

    /// Ends what a body left open; false when the connection is of no more use.
    func prepareForReuse() async -> Bool {
        await rollBack()
        return isUsable
    }
}
