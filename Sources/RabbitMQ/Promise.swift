import NIOConcurrencyHelpers

/// A value that somebody else will provide, once; one waiter at most.
///
/// Cancelling the waiter ends its wait and nothing else: a value that comes later is kept from nobody, but nobody
/// waits for it.
final class Promise<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case waiting(CheckedContinuation<Value, any Error>)
        case settled(Result<Value, any Error>)
    }

    private let state = NIOLockedValueBox(State.empty)

    /// The first call counts, later ones do nothing.
    func succeed(_ value: Value) {
        settle(.success(value))
    }

    /// The first call counts, later ones do nothing.
    func fail(_ error: any Error) {
        settle(.failure(error))
    }

    /// Waits for the value.
    /// - Throws: what `fail` was given, or `CancellationError`.
    func value() async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Value, any Error>? = state.withLockedValue { state in
                    if case .settled(let result) = state { return result }
                    state = .waiting(continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            fail(CancellationError())
        }
    }

    private func settle(_ result: Result<Value, any Error>) {
        let waiter: CheckedContinuation<Value, any Error>? = state.withLockedValue { state in
            switch state {
            case .settled:
                return nil
            case .empty:
                state = .settled(result)
                return nil
            case .waiting(let continuation):
                state = .settled(result)
                return continuation
            }
        }
        waiter?.resume(with: result)
    }
}

extension Promise {
    /// Waits for the value, at most so long.
    /// - Throws: `error` when the time is over.
    func value(within limit: Duration, orThrow error: RabbitMQError) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await Task.sleep(for: limit)
                self.fail(error)
            }
            defer { group.cancelAll() }
            return try await value()
        }
    }
}
