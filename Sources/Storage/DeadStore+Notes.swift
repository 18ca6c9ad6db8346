package import Jobs
import Postgres

extension DeadStore {
    /// Puts a note and a name to a group, and writes it into the audit; nil leaves what there is, an empty text takes it
    /// away. Call it in a transaction.
    ///
    /// - Throws: `StorageError` with `.notFound` if there is no such group.
    package func annotate(
        _ id: Int64, note: String?, assignedTo: String?, by actor: String, reason: String? = nil
    ) async throws {
        try await database.execute("SELECT FROM dead_group WHERE id = \(id) FOR UPDATE")
        guard let group = try await group(id) else { throw Self.noGroup(id) }
        let newNote = note.map { $0.isEmpty ? nil : $0 } ?? group.note
        let newName = assignedTo.map { $0.isEmpty ? nil : $0 } ?? group.assignedTo
        try await database.execute(
            "UPDATE dead_group SET note = \(newNote), assigned_to = \(newName) WHERE id = \(id)")
        try await AuditStore(database).append(
            AuditEntry(
                actor: actor, action: .deadAnnotate, subject: "dead group \(id)",
                before: ["note": group.note, "assigned_to": group.assignedTo],
                after: ["note": newNote, "assigned_to": newName], reason: reason))
    }

    /// Puts a note to one failed step, and writes it into the audit. Call it in a transaction. Served by the primary key.
    ///
    /// - Throws: `StorageError` with `.notFound` if it is not a failed step.
    package func annotate(_ step: StepID, note: String?, by actor: String) async throws {
        let rows = try await database.query(
            """
            UPDATE step SET dead_note = \(note) FROM (
                SELECT job_id, ordinal, dead_note FROM step
                WHERE job_id = \(step.job.uuid) AND ordinal = \(step.ordinal) AND state = 'failed' FOR UPDATE
            ) AS old WHERE step.job_id = old.job_id AND step.ordinal = old.ordinal
            RETURNING old.dead_note
            """)
        guard let row = rows.first else { throw Self.notFailed(step) }
        try await AuditStore(database).append(
            AuditEntry(
                actor: actor, action: .deadAnnotate, subject: "job \(step.job) step \(step.ordinal)",
                before: ["note": try row.decode("dead_note", as: String?.self)], after: ["note": note]))
    }

    /// Discards one failed step, and writes it into the audit. Call it in a transaction. Served by the primary key.
    ///
    /// - Throws: `StorageError` with `.notFound` if it is not a failed step, or discarded already.
    package func discard(_ step: StepID, by actor: String, reason: String) async throws {
        let written = try await database.execute(
            """
            UPDATE step SET discarded_at = clock_timestamp()
            WHERE job_id = \(step.job.uuid) AND ordinal = \(step.ordinal) AND state = 'failed' AND discarded_at IS NULL
            """)
        guard written == 1 else { throw Self.notFailed(step) }
        try await AuditStore(database).append(
            AuditEntry(
                actor: actor, action: .deadDiscard, subject: "job \(step.job) step \(step.ordinal)", reason: reason))
    }

    static func notFailed(_ step: StepID) -> StorageError {
        StorageError(
            .notFound, "Step \(step.ordinal) of job \(step.job) is not failed, or somebody has seen to it already.")
    }
}
