import EventLoops

extension PostgresConnection {
    /// Runs queries in one pipeline, in the caller's turn; prepares what is not prepared.
    ///
    /// Stays on the loop also where the caller's task does not prefer it.
    func perform(_ queries: [PostgresQuery], operation: String) async throws -> [PostgresResult] {
        try await withTaskExecutorPreference(loop) { try await performInTurn(queries, operation: operation) }
    }

    private func performInTurn(_ queries: [PostgresQuery], operation: String) async throws -> [PostgresResult] {
        await takeTurn()
        defer { giveTurn() }
        // Inside a transaction, a failure has already spoilt it, and a second try could only fail.
        let canRepeat = prefix == nil && handle?.isIdle == true
        do {
            return try await exchange(queries, operation: operation)
        } catch let error as StaleStatement {
            statements.forgetAll()
            guard canRepeat else { throw error.cause }
            return try await exchange(queries, operation: operation)
        }
    }

    /// Sends a BEGIN that still waits for its first statement.
    func flushPrefix() async throws {
        if prefix != nil { _ = try await exchange([], operation: "begin a transaction") }
    }

    /// Sends a script outside pipeline mode; `finishExchange` follows, and then `enterPipeline`.
    func beginScript(_ sql: String, operation: String) async throws {
        let handle = try await usableHandle(operation)
        exchange = PostgresExchange(items: nil, statements: [PostgresQuery(unescaped: sql)], operation: operation)
        do {
            try handle.exitPipeline()
            try handle.sendScript(sql)
        } catch {
            throw broken(error, operation: operation)
        }
    }

    /// Goes on until the exchange is done, or the copy it asked for can begin.
    /// - Throws: the first failure of its statements; the connection stays usable unless that is a lost one.
    @discardableResult
    func finishExchange(isUnlimited: Bool = false) async throws -> PostgresExchange {
        let limit = isUnlimited ? nil : configuration.statementTimeout
        let deadline = limit.map { ContinuousClock.now + $0 + Self.graceAfterTimeout }
        var outcome = try await advance(until: deadline)
        var wasCancelled = false
        if outcome == .cancelled {
            wasCancelled = true
            outcome = await stopOnServer()
        }
        guard let exchange, exchange.phase != .running, outcome == .done else {
            let operation = exchange?.operation ?? "wait for the server"
            close()
            if wasCancelled { throw PostgresError.cancelled(operation) }
            throw PostgresError(
                .timedOut, operation: operation, remedy: "The server does not answer; look at it and at the network.",
                isTransient: true)
        }
        learn(from: exchange)
        // Its rows belong to the caller now, and shall not stay in memory until the next statement.
        if exchange.phase == .done { self.exchange = nil }
        if let failure = exchange.failure { try report(failure, of: exchange, wasCancelled: wasCancelled) }
        return exchange
    }

    /// The handle, unless the caller has given up or the connection is gone; ends a copy that nobody reads any more.
    func usableHandle(_ operation: String) async throws -> PostgresHandle {
        guard let handle, handle.isUsable else { throw PostgresError.closed(operation) }
        if Task.isCancelled { throw PostgresError.cancelled(operation) }
        guard copyNumber != nil else { return handle }
        copyNumber = nil
        guard await stopOnServer() == .done, let handle = self.handle else {
            close()
            throw PostgresError.closed(operation)
        }
        try handle.enterPipeline()
        return handle
    }

    private func exchange(_ queries: [PostgresQuery], operation: String) async throws -> [PostgresResult] {
        let handle = try await usableHandle(operation)
        do {
            let items = try send(queries, on: handle)
            exchange = PostgresExchange(items: items, statements: queries, operation: operation)
        } catch {
            throw broken(error, operation: operation)
        }
        return try await finishExchange().results
    }

    private func send(_ queries: [PostgresQuery], on handle: PostgresHandle) throws -> [PostgresExchange.Item] {
        var items: [PostgresExchange.Item] = []
        if let prefix {
            try handle.sendOnce(prefix)
            items.append(.prefix(prefix))
            self.prefix = nil
        }
        if case .byIndex(let renewal) = configuration.planning, ContinuousClock.now - plannedAt >= renewal {
            try handle.sendOnce("DISCARD PLANS")
            items.append(.replan)
            plannedAt = .now
        }
        for name in statements.doomed {
            try handle.sendOnce("DEALLOCATE \(name)")
            items.append(.deallocate(name))
        }
        var fresh: [StatementCache.Key: String] = [:]
        for (index, query) in queries.enumerated() {
            let key = StatementCache.Key(query)
            let known = statements.name(of: key) ?? fresh[key]
            let name = known ?? statements.makeName()
            if known == nil {
                try handle.sendPrepare(name: name, sql: query.sql, types: key.types)
                items.append(.prepare(key, name: name))
                fresh[key] = name
            }
            try handle.sendPrepared(name: name, binds: query.binds)
            items.append(.query(index))
        }
        try handle.sendSync()
        return items
    }

    private enum Outcome {
        case done
        case timedOut
        case cancelled
    }

    /// Writes what is left, reads what has come, and sleeps in between: both at once, or two full buffers would wait
    /// for each other.
    private func advance(until deadline: ContinuousClock.Instant?) async throws -> Outcome {
        while let handle {
            do {
                let hasMore = try handle.flush()
                try receive(from: handle)
                if exchange?.phase != .running { return .done }
                let interest: Interest = hasMore ? [.readable, .writable] : .readable
                switch await loop.wait(for: interest, on: handle.socket, until: deadline) {
                case .ready(let found):
                    if found.contains(.readable), self.handle != nil { try handle.consumeInput() }
                case .timedOut: return .timedOut
                case .cancelled: return .cancelled
                }
            } catch {
                // The server's last words, if it had any, say more than the broken pipe.
                throw broken(exchange?.failure ?? error, operation: exchange?.operation ?? "talk to the server")
            }
        }
        throw PostgresError.closed(exchange?.operation ?? "talk to the server")
    }

    private func receive(from handle: PostgresHandle) throws {
        while exchange?.phase == .running, !handle.isBusy {
            try exchange?.receive(handle.nextResult())
            // The server's last words are a result; after them there is nothing to wait for.
            if !handle.isUsable { throw exchange?.failure ?? handle.lost() }
        }
    }

    /// Asks the server to stop, and waits for its answer in a task that is not cancelled with the caller's.
    private func stopOnServer() async -> Outcome {
        // A bare task, since a child would inherit the cancellation that brought us here; it is awaited at once and
        // bounded.
        await Task {
            let request = self.handle?.makeCancelRequest()
            let sending = Task { await request?.send() }
            guard let outcome = try? await self.drain(until: .now + Self.cancelLimit), outcome == .done else {
                return Outcome.timedOut
            }
            // Sent to the end before the connection is used again, else it could hit the next statement.
            await sending.value
            return .done
        }.value
    }

    /// Like `advance`, but throws away the rows of a copy.
    private func drain(until deadline: ContinuousClock.Instant) async throws -> Outcome {
        while true {
            let outcome = try await advance(until: deadline)
            guard outcome == .done, let exchange, exchange.phase != .done, let handle else { return outcome }
            try await drainCopy(exchange.phase, on: handle, until: deadline)
        }
    }

    private func drainCopy(
        _ phase: PostgresExchange.Phase, on handle: PostgresHandle, until deadline: ContinuousClock.Instant
    ) async throws {
        if phase == .copyingIn {
            _ = try handle.putCopyEnd(failure: "cancelled")
            exchange?.finishCopy()
            return
        }
        var discarded: [UInt8] = []
        var isDry = false
        while true {
            switch try handle.getCopyData(appendingTo: &discarded) {
            case .row:
                discarded.removeAll(keepingCapacity: true)
                isDry = false
            case .end:
                exchange?.finishCopy()
                return
            case .wouldBlock:
                // Megabytes may lie in the socket; a turn of a busy loop for each 8 KiB of them would take too long.
                if isDry, case .ready = await loop.wait(for: .readable, on: handle.socket, until: deadline) {
                    isDry = false
                }
                if isDry { throw PostgresError.closed("end a copy") }
                try handle.consumeInput()
                isDry = true
            }
        }
    }

    private func learn(from exchange: PostgresExchange) {
        for item in exchange.confirmed {
            switch item {
            case .prepare(let key, let name): statements.insert(key, name: name)
            case .deallocate(let name): statements.didDeallocate(name)
            case .prefix, .replan, .query: break
            }
        }
    }

    private func report(_ failure: PostgresError, of exchange: PostgresExchange, wasCancelled: Bool) throws -> Never {
        // A script or a failed COPY leaves pipeline mode to its caller, who does not get there.
        if exchange.items == nil { try handle?.enterPipeline() }
        if exchange.isStale { throw StaleStatement(cause: failure) }
        guard failure.sqlState == .queryCanceled else { throw failure }
        if wasCancelled { throw PostgresError.cancelled(exchange.operation) }
        throw PostgresError(
            .timedOut, operation: failure.operation, remedy: failure.remedy, sqlState: failure.sqlState,
            isTransient: true, details: failure.details)
    }

    /// Gives the connection up after an error of the library.
    private func broken(_ error: any Error, operation: String) -> PostgresError {
        close()
        return (error as? PostgresError) ?? .lost(operation, message: "\(error)")
    }

    /// The server no longer knows a statement as we prepared it.
    private struct StaleStatement: Error {
        let cause: PostgresError
    }
}
