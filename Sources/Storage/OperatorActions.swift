package import Jobs
package import Postgres

/// What people do to the engine, by command line, API or page: each in one transaction with its entry in the audit, so
/// that neither stands without the other.
package struct OperatorActions: Sendable {
    /// Characters of a reason, a note or a name that are taken at most.
    package static let longestText = 1000

    let database: PostgresPool

    package init(_ database: PostgresPool) {
        self.database = database
    }

    /// What failed, to be read.
    package var dead: DeadStore { DeadStore(database) }
    /// What was done, to be read.
    package var audit: AuditStore { AuditStore(database) }

    /// Puts the failed step of a job back into its queue, in the same job.
    ///
    /// - Parameter includesOvertaken: also if a later job of the integration has been completed since.
    /// - Throws: `StorageError` with `.notFound` if there is no such job, `.refused` if no step of it is failed or it
    ///   is overtaken.
    package func retry(
        _ job: JobID, by actor: String, reason: String, includesOvertaken: Bool = false
    ) async throws -> StepID {
        try await database.withTransaction { transaction in
            // By the primary keys; the lock is that of an ending.
            let rows = try await transaction.query(
                """
                SELECT s.ordinal, s.error_code, \(DeadStore.isOvertaken) AS overtaken FROM step s JOIN job j ON j.id = s.job_id
                WHERE s.job_id = \(job.uuid) AND s.state = 'failed' ORDER BY s.ordinal FOR UPDATE OF s
                """)
            guard let row = rows.first else { throw try await Self.noFailure(job, transaction) }
            let (ordinal, code, isOvertaken) = try row.decode((Int16.self, String?.self, Bool.self))
            if isOvertaken, !includesOvertaken {
                throw StorageError(
                    .refused,
                    """
                    A later job of this integration has been completed; to run \(job) again would bring old data back. \
                    Start a new sync, or say that you mean it ('--overtaken').
                    """)
            }
            let step = StepID(job: job, ordinal: ordinal)
            guard try await StepStore(transaction).runAgain(step, by: actor) else { throw DeadStore.notFailed(step) }
            try await AuditStore(transaction).append(
                AuditEntry(
                    actor: actor, action: .jobRetry, subject: AuditEntry.subject(job),
                    before: ["state": "failed", "error_code": code],
                    after: ["state": "in_progress", "step": String(ordinal)], reason: reason))
            return step
        }
    }

    private static func noFailure(_ job: JobID, _ transaction: PostgresTransaction) async throws -> StorageError {
        let exists = try await !transaction.query("SELECT FROM job WHERE id = \(job.uuid)").isEmpty
        return exists
            ? StorageError(.refused, "No step of job \(job) is failed.")
            : StorageError(.notFound, "There is no job \(job).")
    }

    /// Begins a new job that goes on from an old one; see `JobStore.runAgain`.
    package func runAgain(
        _ origin: JobID, from scope: RunAgainScope, by actor: String, reason: String
    ) async throws -> JobID {
        try await database.withTransaction { transaction in
            try await JobStore.runAgain(origin, from: scope, by: actor, reason: reason, in: transaction)
        }
    }

    /// Begins a retry or discard of many; see `DeadStore.begin`.
    package func begin(
        _ verb: DeadActionView.Verb, _ scope: DeadScope, expected: Int64, by actor: String, reason: String
    ) async throws -> DeadActionView {
        try await database.withTransaction { transaction in
            try await DeadStore(transaction).begin(verb, scope, expected: expected, by: actor, reason: reason)
        }
    }

    /// Puts a note and a name to a group; see `DeadStore.annotate`.
    package func annotate(_ group: Int64, note: String?, assignedTo: String?, by actor: String) async throws {
        try await database.withTransaction { transaction in
            try await DeadStore(transaction).annotate(group, note: note, assignedTo: assignedTo, by: actor)
        }
    }

    /// Puts a note to one failed step.
    package func annotate(_ step: StepID, note: String?, by actor: String) async throws {
        try await database.withTransaction { transaction in
            try await DeadStore(transaction).annotate(step, note: note, by: actor)
        }
    }

    /// Discards one failed step; it stays failed, and is not counted any more.
    package func discard(_ step: StepID, by actor: String, reason: String) async throws {
        try await database.withTransaction { transaction in
            try await DeadStore(transaction).discard(step, by: actor, reason: reason)
        }
    }
}
