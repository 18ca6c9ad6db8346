/// A lock of the server that stands for no row: whoever agrees on the name excludes the others, in all processes of one
/// database.
package struct AdvisoryLock: Sendable, Hashable {
    enum Key: Sendable, Hashable {
        case number(Int64)
        case name(String)
    }

    let key: Key

    /// The server hashes the name to 64 bits; two names may collide, and then exclude each other needlessly.
    package init(_ name: String) {
        key = .name(name)
    }

    package init(key: Int64) {
        self.key = .number(key)
    }

    /// The lock's number as SQL.
    var expression: PostgresQuery {
        switch key {
        case .number(let number): "\(number)"
        case .name(let name): "hashtextextended(\(name), 0)"
        }
    }
}

extension PostgresConnection {
    /// Runs the body while the session holds the lock; waits for it up to `limit`.
    ///
    /// Lost with the connection: what must not be done twice still needs a fence of its own.
    /// - Throws: what the body throws; `PostgresError` with `.acquireTimedOut` when others held it all the time.
    package nonisolated func withAdvisoryLock<Result: Sendable>(
        _ lock: AdvisoryLock, within limit: Duration = .seconds(30), _ body: () async throws -> Result
    ) async throws -> Result {
        let deadline = ContinuousClock.now + limit
        // Asks again and again rather than to wait inside pg_advisory_lock, where the statement timeout would end the
        // wait.
        let jitter = FullJitter(first: .milliseconds(20), limit: .milliseconds(250))
        var attempt = 0
        while true {
            if let result = try await withAdvisoryLockIfFree(lock, body) { return result }
            attempt += 1
            guard ContinuousClock.now < deadline else {
                throw PostgresError(
                    .acquireTimedOut, operation: "take an advisory lock", remedy: "See who holds it in pg_locks.",
                    isTransient: true)
            }
            try await Task.sleep(for: jitter.delay(attempt: attempt) + .milliseconds(1))
        }
    }

    /// Runs the body while the session holds the lock; nil, without running it, when another session does.
    package nonisolated func withAdvisoryLockIfFree<Result: Sendable>(
        _ lock: AdvisoryLock, _ body: () async throws -> Result
    ) async throws -> Result? {
        guard try await query("SELECT pg_try_advisory_lock(\(lock.expression))").first?.decode(at: 0) == true else {
            return nil
        }
        let result: Result
        do {
            result = try await body()
        } catch {
            await unlock(lock)
            throw error
        }
        await unlock(lock)
        return result
    }

    private nonisolated func unlock(_ lock: AdvisoryLock) async {
        // A bare task, since a cancelled caller must give the lock back too; awaited, and bounded by the statement
        // timeout.
        await Task {
            await self.rollBack()
            do {
                try await self.execute("SELECT pg_advisory_unlock(\(lock.expression))")
            } catch {
                // The lock goes with the session.
                await self.close()
            }
        }.value
    }
}

extension PostgresTransaction {
    /// Takes the lock until the transaction ends; waits as long as the statement timeout lets it.
    package func lock(_ lock: AdvisoryLock) async throws {
        try await execute("SELECT pg_advisory_xact_lock(\(lock.expression))")
    }
}
