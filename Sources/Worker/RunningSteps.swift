import Jobs
import NIOConcurrencyHelpers

/// The leases that this process holds, each with the task that works under it.
final class RunningSteps: Sendable {
    /// Why an attempt is told to stop before it is done.
    enum Cause: Sendable {
        case drain
        case leaseLost
        case cancelled
    }

    private struct Entry {
        /// Nil until the attempt's task has begun.
        var stop: (@Sendable () -> Void)?
        var cause: Cause?
    }

    private let entries = NIOLockedValueBox<[StepLease: Entry]>([:])

    var leases: [StepLease] { entries.withLockedValue { Array($0.keys) } }
    var isEmpty: Bool { entries.withLockedValue { $0.isEmpty } }

    func add(_ leases: [StepLease]) {
        entries.withLockedValue { entries in
            for lease in leases { entries[lease] = Entry() }
        }
    }

    /// Says how an attempt is stopped; one that was told to stop before this is stopped at once.
    func attach(_ lease: StepLease, stop: @escaping @Sendable () -> Void) {
        let isLate = entries.withLockedValue { entries in
            guard entries[lease] != nil else { return false }
            entries[lease]?.stop = stop
            return entries[lease]?.cause != nil
        }
        if isLate { stop() }
    }

    func remove(_ leases: [StepLease]) {
        entries.withLockedValue { entries in
            for lease in leases { entries[lease] = nil }
        }
    }

    /// Why the attempt was told to stop; nil if it was not.
    func cause(of lease: StepLease) -> Cause? {
        entries.withLockedValue { $0[lease]?.cause }
    }

    /// Tells attempts to stop; the first cause is the one that counts.
    func stop(_ leases: some Sequence<StepLease>, because cause: Cause) {
        let stops = entries.withLockedValue { entries in
            leases.compactMap { lease -> (@Sendable () -> Void)? in
                guard let entry = entries[lease], entry.cause == nil else { return nil }
                entries[lease]?.cause = cause
                return entry.stop
            }
        }
        for stop in stops { stop() }
    }
}
