import Jobs
import NIOConcurrencyHelpers

/// Where the running steps of this process stand: handlers write to it as often as they like, and the process reads
/// what has changed once a second.
final class ProgressBoard: Sendable {
    private struct Entry {
        var percent = 0
        var counts: [String: Int64] = [:]
        var isChanged = false
    }

    typealias Change = (lease: StepLease, percent: Int, counts: [String: Int64])

    private let entries = NIOLockedValueBox<[StepLease: Entry]>([:])

    func open(_ lease: StepLease) {
        entries.withLockedValue { $0[lease] = Entry() }
    }

    func close(_ lease: StepLease) {
        entries.withLockedValue { $0[lease] = nil }
    }

    /// Steps that moved since the last call, in no order.
    func takeChanges() -> [Change] {
        entries.withLockedValue { entries in
            var changes: [Change] = []
            for (lease, entry) in entries where entry.isChanged {
                changes.append((lease, entry.percent, entry.counts))
                entries[lease]?.isChanged = false
            }
            return changes
        }
    }

    fileprivate func report(_ lease: StepLease, fraction: Double, counts: [String: Int64]) {
        // A running step never shows 100: that is for those that ended.
        let percent = min(99, max(0, Int((fraction * 100).rounded(.down))))
        entries.withLockedValue { entries in
            guard var entry = entries[lease] else { return }
            guard percent > entry.percent || counts.contains(where: { entry.counts[$0.key] != $0.value }) else {
                return
            }
            entry.percent = max(entry.percent, percent)
            entry.counts.merge(counts) { $1 }
            entry.isChanged = true
            entries[lease] = entry
        }
    }
}

/// Writes one step's progress to the board.
struct StepProgress: ProgressReporting {
    let board: ProgressBoard
    let lease: StepLease

    func report(fraction: Double, counts: [String: Int64]) {
        board.report(lease, fraction: fraction, counts: counts)
    }
}
