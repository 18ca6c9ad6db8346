import EventLoops

extension PostgresConnection {
    /// Feeds a `COPY … FROM STDIN` from a sequence of pieces, cut anywhere; all rows arrive, or none.
    ///
    /// Reads the next piece only when the last one has gone out, so memory stays at one piece.
    /// - Parameter sql: of the program itself, as COPY takes no values.
    /// - Returns: rows copied.
    /// - Throws: `PostgresError`, or what the sequence throws; nothing was copied then, and the connection stays
    ///   usable.
    @discardableResult
    package func copyIn<Source: AsyncSequence & Sendable>(_ sql: String, from source: Source) async throws -> Int
    where Source.Element == [UInt8] {
        await takeTurn()
        defer { giveTurn() }
        try await beginCopy(sql, expecting: .copyingIn)
        do {
            for try await piece in source { try await put(piece) }
        } catch {
            try await stopCopyIn()
            throw error
        }
        if Task.isCancelled {
            try await stopCopyIn()
            throw PostgresError.cancelled("copy in")
        }
        try await endCopyIn(failure: nil)
        let rows = try await finishExchange().results.last?.affectedRows ?? 0
        try handle?.enterPipeline()
        return rows
    }

    /// Starts a `COPY … TO STDOUT`, whose pieces are then read from the sequence.
    ///
    /// The next statement on the connection ends a copy that was not read to its end. The statement timeout covers the
    /// whole copy.
    /// - Parameter sql: of the program itself, as COPY takes no values.
    package func copyOut(_ sql: String) async throws -> PostgresCopyOut {
        await takeTurn()
        defer { giveTurn() }
        try await beginCopy(sql, expecting: .copyingOut)
        lastCopyNumber += 1
        copyNumber = lastCopyNumber
        return PostgresCopyOut(connection: self, number: lastCopyNumber)
    }

    /// - Returns: whole rows, some 64 KiB of them or what is there; nil at the end.
    func nextCopyPiece(number: Int) async throws -> [UInt8]? {
        await takeTurn()
        defer { giveTurn() }
        if finishedCopyNumber == number { return nil }
        guard copyNumber == number, let handle else { throw PostgresError.closed("read a copy") }
        var piece: [UInt8] = []
        // Whether the socket held nothing when it was last asked; asking is cheaper than a turn of the loop.
        var isDry = false
        while true {
            do {
                switch try handle.getCopyData(appendingTo: &piece) {
                case .row where piece.count < 65_536: isDry = false
                case .row: return piece
                case .wouldBlock where !isDry:
                    try handle.consumeInput()
                    isDry = true
                case .wouldBlock where !piece.isEmpty: return piece
                case .wouldBlock: try await waitForCopyInput(handle)
                case .end:
                    copyNumber = nil
                    exchange?.finishCopy()
                    try await finishExchange()
                    try handle.enterPipeline()
                    finishedCopyNumber = number
                    return piece.isEmpty ? nil : piece
                }
            } catch let error as PostgresError where error.code == .connectionLost {
                close()
                throw error
            }
        }
    }

    private func waitForCopyInput(_ handle: PostgresHandle) async throws {
        let deadline = configuration.statementTimeout.map { ContinuousClock.now + $0 + Self.graceAfterTimeout }
        switch await loop.wait(for: .readable, on: handle.socket, until: deadline) {
        case .ready: try handle.consumeInput()
        case .cancelled:
            // Ends the copy on the server and gives the connection back to pipeline mode.
            _ = try? await usableHandleEndingCopy()
            throw PostgresError.cancelled("read a copy")
        case .timedOut:
            close()
            throw PostgresError(
                .timedOut, operation: "read a copy", remedy: "Look at the server.", isTransient: true)
        }
    }

    private func beginCopy(_ sql: String, expecting phase: PostgresExchange.Phase) async throws {
        try await flushPrefix()
        try await beginScript(sql, operation: "copy")
        try await finishExchange()
        if exchange?.phase == phase { return }
        await endUnexpectedCopy()
        throw PostgresError(
            .protocolViolation, operation: "copy",
            remedy: "Give a COPY of the right direction, from STDIN or to STDOUT.")
    }

    /// Ends whatever a script has begun, and goes back to pipeline mode.
    func endUnexpectedCopy() async {
        _ = try? await usableHandleEndingCopy()
    }

    private func put(_ piece: [UInt8]) async throws {
        guard let handle else { throw PostgresError.closed("copy in") }
        while try !handle.putCopyData(piece) { try await flushCopy(handle) }
        try await flushCopy(handle)
    }

    private func flushCopy(_ handle: PostgresHandle) async throws {
        let deadline = ContinuousClock.now + (configuration.statementTimeout ?? .seconds(3600)) + Self.graceAfterTimeout
        do {
            while try handle.flush() {
                switch await loop.wait(for: [.readable, .writable], on: handle.socket, until: deadline) {
                // The server may refuse early; its words are read when the copy ends.
                case .ready(let found): if found.contains(.readable) { try handle.consumeInput() }
                case .cancelled: throw PostgresError.cancelled("copy in")
                case .timedOut: throw handle.lost()
                }
            }
        } catch let error as PostgresError where error.code == .connectionLost {
            close()
            throw error
        }
    }

    private func endCopyIn(failure: String?) async throws {
        guard let handle else { throw PostgresError.closed("copy in") }
        while try !handle.putCopyEnd(failure: failure) { try await flushCopy(handle) }
        exchange?.finishCopy()
    }

    private func stopCopyIn() async throws {
        // A bare task, since the caller may be cancelled and the connection shall stay usable; awaited at once.
        await Task { _ = try? await self.usableHandleEndingCopy() }.value
    }

    private func usableHandleEndingCopy() async throws {
        copyNumber = lastCopyNumber
        _ = try await Task { _ = try await self.usableHandle("end a copy") }.value
    }
}

/// The pieces of a `COPY … TO STDOUT`: whole rows, up to some 64 KiB at a time.
package struct PostgresCopyOut: AsyncSequence, Sendable {
    package typealias Element = [UInt8]
    package typealias Failure = any Error

    let connection: PostgresConnection
    let number: Int

    package func makeAsyncIterator() -> Iterator {
        Iterator(connection: connection, number: number)
    }

    package struct Iterator: AsyncIteratorProtocol {
        let connection: PostgresConnection
        let number: Int
        var hasEnded = false

        /// - Throws: `PostgresError`; `.closed` when another statement has ended the copy.
        package mutating func next() async throws -> [UInt8]? {
            if hasEnded { return nil }
            let piece = try await connection.nextCopyPiece(number: number)
            hasEnded = piece == nil
            return piece
        }
    }
}
