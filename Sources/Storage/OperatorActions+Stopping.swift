package import FoundationEssentials
package import Jobs
import Postgres

extension OperatorActions {
    /// What holds now, to be read.
    package var pauses: PauseStore { PauseStore(database) }

    /// Asks for the end of a job; see `JobStore.cancel`.
    ///
    /// - Throws: `StorageError` with `.notFound` if there is no such job, `.refused` if it has ended already.
    package func cancel(_ job: JobID, by actor: String, reason: String) async throws {
        try await database.withTransaction { transaction in
            // By the primary key.
            let row = try await transaction.query("SELECT state FROM job WHERE id = \(job.uuid)").first
            guard let row else { throw StorageError(.notFound, "There is no job \(job).") }
            let state: String = try row.decode("state")
            guard try await JobStore.cancel(job, by: actor, reason: reason, in: transaction) else {
                throw StorageError(.refused, "Job \(job) has ended already (\(state)).")
            }
            try await AuditStore(transaction).append(
                AuditEntry(
                    actor: actor, action: .jobCancel, subject: AuditEntry.subject(job), before: ["state": state],
                    after: ["state": "cancelled"], reason: reason))
        }
    }

    private struct PauseValues: Encodable, Sendable {
        let until: Date?
        let reason: String
        let by: String

        init?(_ pause: PauseStore.Pause?) {
            guard let pause else { return nil }
            self.init(until: pause.until, reason: pause.reason, by: pause.pausedBy)
        }

        init(until: Date?, reason: String, by: String) {
            self.until = until
            self.reason = reason
            self.by = by
        }
    }

    /// Pauses a queue, institution, integration or kind of job, or changes the pause that there is.
    ///
    /// - Throws: `StorageError` with `.notFound` if there is no such thing.
    package func pause(
        _ scope: PauseStore.Scope, _ target: String, until: Date?, by actor: String, reason: String
    ) async throws {
        try await database.withTransaction { transaction in
            let store = PauseStore(transaction)
            let before = try await store.all().first { $0.scope == scope && $0.target == target }
            try await store.pause(scope, target, until: until, reason: reason, by: actor)
            try await AuditStore(transaction).append(
                AuditEntry(
                    actor: actor, action: .pause, subject: "\(scope.rawValue) \(target)", before: PauseValues(before),
                    after: PauseValues(until: until, reason: reason, by: actor), reason: reason))
        }
    }

    /// Ends a pause.
    ///
    /// - Throws: `StorageError` with `.notFound` if there is none.
    package func resume(_ scope: PauseStore.Scope, _ target: String, by actor: String, reason: String?) async throws {
        try await database.withTransaction { transaction in
            let store = PauseStore(transaction)
            let before = try await store.all().first { $0.scope == scope && $0.target == target }
            guard try await store.resume(scope, target) else {
                throw StorageError(.notFound, "There is no pause of \(scope.rawValue) '\(target)'.")
            }
            try await AuditStore(transaction).append(
                AuditEntry(
                    actor: actor, action: .resume, subject: "\(scope.rawValue) \(target)", before: PauseValues(before),
                    reason: reason))
        }
    }
}
