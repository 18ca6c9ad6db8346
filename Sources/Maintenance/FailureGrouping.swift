import Jobs
import Postgres
import Storage

/// Puts failed steps into groups of one cause, and carries on what people began to do about them.
///
/// Both work in batches with a transaction each, so they may die anywhere, and any number may run.
struct FailureGrouping: Sendable {
    /// Batches of one look; what is left waits for the next, so that a bad night does not keep rescues waiting.
    private static let batchesPerLook = 10

    let database: PostgresPool

    /// - Returns: how many failures were put into groups.
    func group() async throws -> Int {
        var grouped = 0
        for _ in 0..<Self.batchesPerLook {
            let count = try await database.withTransaction { transaction in
                let store = DeadStore(transaction)
                let failures = try await store.ungrouped()
                try await store.put(failures.map { ($0, Self.key(of: $0)) })
                return failures.count
            }
            grouped += count
            if count == 0 { break }
        }
        return grouped
    }

    static func key(of failure: DeadStore.Ungrouped) -> DeadStore.Key {
        DeadStore.Key(
            jobKind: failure.jobKind, stepKind: failure.stepKind, code: failure.code,
            fingerprint: FailureFingerprint.pattern(of: failure.message))
    }

    /// Does batches of retries and discards that are unfinished.
    func carryOn() async throws {
        for _ in 0..<Self.batchesPerLook {
            let action = try await database.withTransaction { try await DeadStore($0).carryOn() }
            if action == nil { return }
        }
    }
}
