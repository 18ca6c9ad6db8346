import CPostgres
package import EventLoops
import Logging

/// One session of the server, used by one caller at a time.
///
/// An actor pinned to a loop: libpq's calls all run on that loop's thread and none of them blocks. Calls that overlap
/// wait for their turn in order. Everything but COPY and scripts goes through pipeline mode, so that preparing a
/// statement, or beginning a transaction, costs no round trip of its own. Statements are prepared when first used, and
/// kept (see ``StatementCache``).
///
/// Life: ``connect(_:loop:logger:)``, any calls, ``close()``. When the server or the network fails, the connection is
/// broken for good (``isUsable``); the pool then makes a new one.
///
/// Cancelling the task of a call asks the server to stop, then waits up to 10 s for its answer, so that the connection
/// stays usable; failing that it is closed. A call that had succeeded by then returns normally.
///
/// Tried and dropped: chunked rows and a non-blocking cancel, which came with libpq 17; binary results, which saved
/// little over text here.
package actor PostgresConnection: PostgresQuerying {
    package nonisolated let loop: PollLoop
    nonisolated let configuration: PostgresConfiguration
    nonisolated let logger: Logger

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe loop.asUnowned
    }

    /// How long after the server's own limit we wait for its word.
    static let graceAfterTimeout = Duration.seconds(15)
    /// How long a statement may take to stop after it was cancelled.
    static let cancelLimit = Duration.seconds(10)

    var handle: PostgresHandle?
    var statements: StatementCache
    var exchange: PostgresExchange?
    /// Sent with the next statement: the BEGIN of a transaction that has done nothing yet.
    var prefix: String?
    /// The transaction's last statement took its COMMIT along.
    var isCommitted = false
    /// Since when the session's plans are kept.
    var plannedAt = ContinuousClock.now
    /// The copy that is being read, if any.
    var copyNumber: Int?
    var lastCopyNumber = 0
    /// The copy that was read to its end, whose reader may not know yet.
    var finishedCopyNumber: Int?
    private var isTaken = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    init(configuration: PostgresConfiguration, loop: PollLoop, logger: Logger) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        statements = StatementCache(limit: configuration.statementCacheSize)
    }

    /// False once the connection is closed or broken.
    package var isUsable: Bool { handle?.isUsable ?? false }

    /// The number of the session's process on the server, as in `pg_stat_activity`.
    package var processIdentifier: Int32 { handle?.processIdentifier ?? 0 }

    package var usesTLS: Bool { handle?.usesTLS ?? false }

    /// Says goodbye; calls under way and later ones fail with `.closed` or `.connectionLost`.
    package func close() {
        guard let handle else { return }
        loop.interrupt(descriptor: handle.socket)
        handle.finish()
        self.handle = nil
    }

    /// Runs one statement and keeps all its rows.
    /// - Throws: `PostgresError`.
    package func query(_ query: PostgresQuery) async throws -> PostgresRows {
        let results = try await perform([query], operation: "run a query")
        return PostgresRows(result: results.first)
    }

    /// Runs one statement for its effect.
    /// - Returns: rows affected.
    @discardableResult
    package func execute(_ query: PostgresQuery) async throws -> Int {
        try await perform([query], operation: "run a statement").first?.affectedRows ?? 0
    }

    /// Runs many statements in one round trip; outside a transaction all of them happen, or none.
    /// - Returns: the rows of each, in order.
    /// - Throws: `PostgresError`, of the first that failed.
    package func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresRows] {
        guard !queries.isEmpty else { return [] }
        return try await perform(queries, operation: "run a pipeline").map { PostgresRows(result: $0) }
    }

    /// Runs any number of statements without values, as `psql -f` would, all in one transaction unless they say
    /// otherwise.
    /// - Parameter isUnlimited: waits for as long as the server works, for those that have lifted `statement_timeout`.
    package func executeScript(_ sql: String, isUnlimited: Bool = false) async throws {
        await takeTurn()
        defer { giveTurn() }
        try await flushPrefix()
        try await beginScript(sql, operation: "run a script")
        try await finishExchange(isUnlimited: isUnlimited)
        guard exchange == nil else {
            await endUnexpectedCopy()
            throw PostgresError(
                .protocolViolation, operation: "run a script", remedy: "Leave COPY out of it; use copyIn and copyOut.")
        }
        try handle?.enterPipeline()
    }

    /// Waits for the caller's turn; ``giveTurn()`` must follow.
    func takeTurn() async {
        guard isTaken else {
            isTaken = true
            return
        }
        // Bounded by the statement timeouts of those before us; ownership is handed over, so nobody can slip in
        // between.
        await withCheckedContinuation { waiters.append($0) }
    }

    func giveTurn() {
        if waiters.isEmpty { isTaken = false } else { waiters.removeFirst().resume() }
    }
}

/// Whoever can run statements: a pool, a connection, a transaction.
package protocol PostgresQuerying: Sendable {
    /// Runs one statement and keeps all its rows in memory.
    /// - Throws: `PostgresError`.
    func query(_ query: PostgresQuery) async throws -> PostgresRows

    /// Runs one statement for its effect; returns the rows affected.
    /// - Throws: `PostgresError`.
    @discardableResult
    func execute(_ query: PostgresQuery) async throws -> Int

    /// Runs many statements in one round trip; outside a transaction all of them happen, or none.
    /// - Throws: `PostgresError`, of the first that failed.
    func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresRows]
}
