import Jobs
import Postgres

extension DeadStore {
    /// Puts a note and a name to a group, and writes it into the audit; nil leaves what there is, an empty text takes
    /// it away. Call it in a transaction.
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

    static func notFailed(_ step: StepID) -> StorageError {
        StorageError(
            .notFound, "Step \(step.ordinal) of job \(step.job) is not failed, or somebody has seen to it already.")
    }
}
