import Storage

/// Asks Postgres within a limit of time, so that an outage shows as an answer and not as a page that never comes.
struct StatusReader: Sendable {
    let queries: StatusQueries
    let timeout: Duration

    /// - Throws: `DeadlineExceeded` after the timeout, or what the query throws.
    func callAsFunction<Value: Sendable>(
        _ read: @escaping @Sendable (StatusQueries) async throws -> Value
    ) async throws -> Value {
        try await withDeadline(timeout) { [queries] in try await read(queries) }
    }
}

/// Does what operators ask for, and reads what belongs to it, within the same limit of time.
struct StatusOperations: Sendable {
    let actions: OperatorActions
    let timeout: Duration

    /// - Throws: `DeadlineExceeded` after the timeout, or what the action throws. An action that was begun may still be
    ///   committed; whoever asked looks again.
    func callAsFunction<Value: Sendable>(
        _ act: @escaping @Sendable (OperatorActions) async throws -> Value
    ) async throws -> Value {
        try await withDeadline(timeout) { [actions] in try await act(actions) }
    }
}

/// Something took longer than it may.
struct DeadlineExceeded: Error, CustomStringConvertible {
    let limit: Duration

    var description: String { "no answer within \(limit.components.seconds) s" }
}

/// Runs the operation and cancels it when the time is up; it must heed cancellation, since this waits for its end.
/// - Throws: `DeadlineExceeded`, or what the operation throws.
func withDeadline<Value: Sendable>(
    _ limit: Duration, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let value = first else { throw DeadlineExceeded(limit: limit) }
        return value
    }
}
