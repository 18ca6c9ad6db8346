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
            let step = try await Self.failure(of: job, includesOvertaken: includesOvertaken, transaction)
            guard let step else { throw try await Self.noFailure(job, transaction) }
            return try await Self.retry(step, by: actor, reason: reason, transaction)
        }
    }

    /// Puts one failed step of a group back into its queue, in the same job.
    ///
    /// - Throws: `StorageError` with `.notFound` if it is no member of the group now, `.refused` if it is overtaken, or
    ///   a message.
    package func retry(
        _ member: DeadMember, of group: Int64, by actor: String, reason: String, includesOvertaken: Bool = false
    ) async throws -> StepID {
        guard case .step(let wanted) = member else { throw DeadStore.messagesAreNotRunAgain }
        return try await database.withTransaction { transaction in
            let step = try await Self.failure(
                of: wanted.job, in: group, includesOvertaken: includesOvertaken, transaction)
            guard let step, step.id == wanted else { throw DeadStore.noMember(member, of: group) }
            return try await Self.retry(step, by: actor, reason: reason, transaction)
        }
    }

    private struct FailedStep {
        let id: StepID
        let code: String?
    }

    /// The step of a job that failed; nil if none did, or it is in another group. By the primary keys; the lock is that
    /// of an ending.
    private static func failure(
        of job: JobID, in group: Int64? = nil, includesOvertaken: Bool, _ transaction: PostgresTransaction
    ) async throws -> FailedStep? {
        let rows = try await transaction.query(
            """
            SELECT s.ordinal, s.error_code, \(DeadStore.isOvertaken) AS overtaken FROM step s JOIN job j ON j.id = s.job_id
            WHERE s.job_id = \(job.uuid) AND s.state = 'failed'
                AND (\(group)::bigint IS NULL OR (s.dead_group = \(group) AND s.discarded_at IS NULL))
            ORDER BY s.ordinal FOR UPDATE OF s
            """)
        guard let row = rows.first else { return nil }
        let (ordinal, code, isOvertaken) = try row.decode((Int16.self, String?.self, Bool.self))
        if isOvertaken, !includesOvertaken {
            throw StorageError(
                .refused,
                """
                A later job of this integration has been completed; to run \(job) again would bring old data back. \
                Start a new sync, or say that you mean it ('--overtaken').
                """)
        }
        return FailedStep(id: StepID(job: job, ordinal: ordinal), code: code)
    }

    private static func retry(
        _ step: FailedStep, by actor: String, reason: String, _ transaction: PostgresTransaction
    ) async throws -> StepID {
        guard try await StepStore(transaction).runAgain(step.id, by: actor) else { throw DeadStore.notFailed(step.id) }
        try await AuditStore(transaction).append(
            AuditEntry(
                actor: actor, action: .jobRetry, subject: AuditEntry.subject(step.id.job),
                before: ["state": "failed", "error_code": step.code],
                after: ["state": "in_progress", "step": String(step.id.ordinal)], reason: reason))
        return step.id
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

    /// Puts a note to one member of a group; nil takes it away.
    ///
    /// - Throws: `StorageError` with `.notFound` if it is no member of the group now.
    package func annotate(_ member: DeadMember, of group: Int64, note: String?, by actor: String) async throws {
        try await database.withTransaction { transaction in
            try await DeadStore(transaction).annotate(member, of: group, note: note, by: actor)
        }
    }

    /// Discards one member of a group: it stays as it is, and is not counted any more.
    ///
    /// - Throws: `StorageError` with `.notFound` if it is no member of the group now.
    package func discard(_ member: DeadMember, of group: Int64, by actor: String, reason: String) async throws {
        try await database.withTransaction { transaction in
            try await DeadStore(transaction).discard(member, of: group, by: actor, reason: reason)
        }
    }
}
