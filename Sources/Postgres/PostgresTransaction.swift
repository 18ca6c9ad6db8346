import Logging

/// A transaction that is open; valid inside the body that was given it.
///
/// BEGIN travels with the first statement, so an empty transaction costs nothing and a short one saves a round trip.
package struct PostgresTransaction: PostgresQuerying {
    /// What a transaction sees of others.
    package enum Isolation: String, Sendable {
        case readCommitted = "READ COMMITTED"
        case repeatableRead = "REPEATABLE READ"
        case serializable = "SERIALIZABLE"
    }

    /// For COPY and scripts; never end the transaction through it.
    package let connection: PostgresConnection

    package func query(_ query: PostgresQuery) async throws -> PostgresRows {
        try await connection.query(query)
    }

    @discardableResult
    package func execute(_ query: PostgresQuery) async throws -> Int {
        try await connection.execute(query)
    }

    package func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresRows] {
        try await connection.pipeline(queries)
    }

    /// Runs a last statement and commits, in one round trip; the body returns next and asks nothing more.
    /// - Throws: as ``PostgresConnection/withTransaction(isolation:_:)``.
    package func commit(after query: PostgresQuery) async throws -> PostgresRows {
        PostgresRows(result: try await connection.commit(after: [query]).first)
    }

    /// See ``PostgresConnection/copyIn(_:from:)``.
    @discardableResult
    package func copyIn<Source: AsyncSequence & Sendable>(_ sql: String, from source: Source) async throws -> Int
    where Source.Element == [UInt8] {
        try await connection.copyIn(sql, from: source)
    }

    /// See ``PostgresConnection/copyOut(_:)``.
    package func copyOut(_ sql: String) async throws -> PostgresCopyOut {
        try await connection.copyOut(sql)
    }

    /// Runs the body so that its failure undoes only what it did itself.
    package func withSavepoint<Result: Sendable>(
        _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        try await connection.execute("SAVEPOINT inner_step")
        do {
            let result = try await body(self)
            try await connection.execute("RELEASE SAVEPOINT inner_step")
            return result
        } catch {
            // In a task of its own: the error may be the caller's cancellation.
            let connection = connection
            _ = try await Task {
                try await connection.pipeline([
                    "ROLLBACK TO SAVEPOINT inner_step", "RELEASE SAVEPOINT inner_step",
                ])
            }.value
            throw error
        }
    }
}

extension PostgresConnection {
    /// Runs the body in a transaction: commits when it returns, rolls back when it throws.
    ///
    /// The rollback does not mind the caller's cancellation. See
    /// ``PostgresPool/withTransaction(isolation:attempts:_:)`` for repetition.
    /// - Throws: what the body throws; `PostgresError` with `.rolledBack` when the body swallowed a statement's
    ///   failure, and with `.commitOutcomeUnknown` when the connection broke during COMMIT.
    package nonisolated func withTransaction<Result: Sendable>(
        isolation: PostgresTransaction.Isolation = .readCommitted,
        _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        try await begin(isolation)
        let result: Result
        do {
            result = try await body(PostgresTransaction(connection: self))
        } catch {
            await rollBack()
            throw error
        }
        do {
            try await commit()
        } catch {
            await rollBack()
            throw error
        }
        return result
    }

    private func begin(_ isolation: PostgresTransaction.Isolation) throws {
        guard let handle, handle.isUsable else { throw PostgresError.closed("begin a transaction") }
        guard handle.isIdle, prefix == nil else {
            throw PostgresError(
                .protocolViolation, operation: "begin a transaction",
                remedy: "The connection is in a transaction already; use withSavepoint inside it.")
        }
        isCommitted = false
        prefix = "BEGIN ISOLATION LEVEL \(isolation.rawValue)"
    }

    private func commit() async throws {
        if prefix != nil {
            prefix = nil
            return
        }
        if !isCommitted { _ = try await commit(after: []) }
    }

    /// - Returns: the results of the statements.
    func commit(after queries: [PostgresQuery]) async throws -> [PostgresResult] {
        // Nothing is open after a COMMIT that failed; another one would only be warned of.
        let isOpen = prefix != nil || handle?.isIdle != true
        let operation = queries.isEmpty ? "commit" : "run a statement and commit"
        do {
            let results = isOpen ? try await perform(queries + ["COMMIT"], operation: operation) : []
            // In a failed transaction, COMMIT succeeds and rolls back.
            if results.last?.commandTag == "COMMIT" {
                isCommitted = true
                return results.dropLast()
            }
        } catch let error as PostgresError where !isUsable {
            throw PostgresError(
                .commitOutcomeUnknown, operation: operation, remedy: "Look whether it happened before doing it again.",
                sqlState: error.sqlState, isTransient: true, details: error.details)
        }
        throw PostgresError(
            .rolledBack, operation: operation, remedy: "Let the failure of a statement leave the transaction's body.")
    }

    /// Leaves no transaction open; closes the connection when that fails. Does nothing outside a transaction.
    func rollBack() async {
        prefix = nil
        guard let handle, handle.isUsable, !handle.isIdle || copyNumber != nil else { return }
        // A bare task, since a cancelled caller must not leave a transaction open; bounded by the statement timeout.
        await Task {
            do {
                _ = try await self.perform(["ROLLBACK"], operation: "roll back")
            } catch {
                logger.debug("A rollback failed", metadata: [PostgresKeys.Log.error: "\(error)"])
                self.close()
            }
        }.value
    }
}
