import Jobs
import NIOConcurrencyHelpers

/// The leases that this process holds, each with the task that works under it.
final class RunningSteps: Sendable {
    private let tasks = NIOLockedValueBox<[StepLease: @Sendable () -> Void]>([:])

    var leases: [StepLease] { tasks.withLockedValue { Array($0.keys) } }

    func add(_ lease: StepLease, cancel: @escaping @Sendable () -> Void) {
        tasks.withLockedValue { $0[lease] = cancel }
    }

    func remove(_ lease: StepLease) {
        tasks.withLockedValue { $0[lease] = nil }
    }

    /// Stops the work under a lease that is lost, or under all of them.
    func cancel(_ lost: some Sequence<StepLease>) {
        for cancel in tasks.withLockedValue({ tasks in lost.compactMap { tasks[$0] } }) { cancel() }
    }
}
