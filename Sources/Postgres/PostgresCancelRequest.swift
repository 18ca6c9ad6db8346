import CPostgres
import EventLoops

/// Stops the statement that a connection is executing.
///
/// libpq 15 can only do that by blocking: it opens a second connection, says which session is meant and waits for the
/// server to hang up. Hence the thread of its own. That connection is not encrypted; it carries a secret of the session
/// that allows nothing but cancelling.
/// - SeeAlso: https://www.postgresql.org/docs/15/libpq-cancel.html
@safe final class PostgresCancelRequest: Sendable {
    // Sound: a PGcancel is never changed after PQgetCancel, and PQcancel is documented as safe from any thread.
    nonisolated(unsafe) private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        unsafe PQfreeCancel(pointer)
    }

    /// Returns once the server has been told, or cannot be reached; the statement's own result tells which.
    func send() async {
        await PostgresBlockingCalls.cancelling.run { _ = self.sendBlocking() }
    }

    private func sendBlocking() -> Bool {
        var message = [CChar](repeating: 0, count: 256)
        let status = unsafe PQcancel(pointer, &message, Int32(message.count))
        return status == 1
    }
}

/// Runs the two calls that can only block, on threads of their own, which start with the first such call.
///
/// Cancelling does not stand in line behind a resolver that hangs.
actor PostgresBlockingCalls {
    static let resolving = PostgresBlockingCalls(name: "postgres-names")
    static let cancelling = PostgresBlockingCalls(name: "postgres-cancel")

    private nonisolated let loop: PollLoop

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe loop.asUnowned
    }

    private init(name: String) {
        loop = PollLoop(name: name)
    }

    func run<Result: Sendable>(_ call: @Sendable () throws -> Result) rethrows -> Result {
        try call()
    }
}
