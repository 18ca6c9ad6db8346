import NIOConcurrencyHelpers
package import NIOPosix

/// Threads for work that takes a core for minutes: never those of the cooperative pool, which everything else waits
/// for.
package struct HeavyWork: Sendable {
    private let threads: NIOThreadPool

    /// - Parameter threads: started; one thread for each piece of work that may run at once.
    package init(threads: NIOThreadPool) {
        self.threads = threads
    }

    /// Runs the work on a thread of its own; when the task is cancelled, `checkCancellation` begins to throw.
    func run<T: Sendable>(
        _ work: @escaping @Sendable (_ checkCancellation: @escaping @Sendable () throws -> Void) throws -> T
    ) async throws -> T {
        let isCancelled = NIOLockedValueBox(false)
        return try await withTaskCancellationHandler {
            try await threads.runIfActive {
                try work {
                    if isCancelled.withLockedValue({ $0 }) { throw CancellationError() }
                }
            }
        } onCancel: {
            isCancelled.withLockedValue { $0 = true }
        }
    }
}
