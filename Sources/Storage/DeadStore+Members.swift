import Jobs
import Postgres

/// What is done about one member of a group. The group is named as well: what somebody looks at is what is changed, or
/// nothing is.
extension DeadStore {
    /// Puts a note to one member, and writes it into the audit; nil takes it away. Call it in a transaction. Served by
    /// the primary keys.
    ///
    /// - Throws: `StorageError` with `.notFound` if it is no member of the group now.
    func annotate(_ member: DeadMember, of group: Int64, note: String?, by actor: String) async throws {
        let rows: PostgresRows
        switch member {
        case .step(let step):
            rows = try await database.query(
                """
                UPDATE step SET dead_note = \(note) FROM (
                    SELECT job_id, ordinal, dead_note AS note FROM step WHERE job_id = \(step.job.uuid)
                        AND ordinal = \(step.ordinal) AND dead_group = \(group) AND state = 'failed'
                        AND discarded_at IS NULL FOR UPDATE
                ) AS old WHERE step.job_id = old.job_id AND step.ordinal = old.ordinal RETURNING old.note
                """)
        case .message(let id):
            rows = try await database.query(
                """
                UPDATE dead_message SET note = \(note) FROM (
                    SELECT id, note FROM dead_message
                    WHERE id = \(id) AND group_id = \(group) AND discarded_at IS NULL FOR UPDATE
                ) AS old WHERE dead_message.id = old.id RETURNING old.note
                """)
        }
        guard let row = rows.first else { throw Self.noMember(member, of: group) }
        let before: String? = try row.decode("note")
        guard before != note else { return }
        try await AuditStore(database).append(
            AuditEntry(
                actor: actor, action: .deadAnnotate, subject: member.subject, before: ["note": before],
                after: ["note": note]))
    }

    /// Discards one member, and writes it into the audit; a group that has none left is closed. Call it in a
    /// transaction. Served by the primary keys.
    ///
    /// - Throws: `StorageError` with `.notFound` if it is no member of the group now.
    func discard(_ member: DeadMember, of group: Int64, by actor: String, reason: String) async throws {
        // First the group, as an order about all of it does.
        try await database.execute("SELECT FROM dead_group WHERE id = \(group) FOR UPDATE")
        let written: Int
        switch member {
        case .step(let step):
            written = try await database.execute(
                """
                UPDATE step SET discarded_at = clock_timestamp() WHERE job_id = \(step.job.uuid)
                    AND ordinal = \(step.ordinal) AND dead_group = \(group) AND state = 'failed' AND discarded_at IS NULL
                """)
        case .message(let id):
            written = try await database.execute(
                """
                UPDATE dead_message SET discarded_at = clock_timestamp()
                WHERE id = \(id) AND group_id = \(group) AND discarded_at IS NULL
                """)
        }
        guard written == 1 else { throw Self.noMember(member, of: group) }
        try await close(group)
        try await AuditStore(database).append(
            AuditEntry(
                actor: actor, action: .deadDiscard, subject: member.subject,
                before: ["group": String(group), "discarded": "false"],
                after: ["group": String(group), "discarded": "true"], reason: reason))
    }

    static func noMember(_ member: DeadMember, of group: Int64) -> StorageError {
        StorageError(
            .notFound,
            "\(member) is not in group \(group), or somebody has seen to it already; 'rosterline dead show \(group)' lists who is."
        )
    }

    static let messagesAreNotRunAgain = StorageError(
        .refused,
        "Messages are not run again: each only rings for a step, and Postgres rings again by itself. Discard them.")
}
