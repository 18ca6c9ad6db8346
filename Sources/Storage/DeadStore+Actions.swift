import FoundationEssentials
import Jobs
import Postgres

extension DeadStore {
    /// Begins a retry or a discard, does its first batch, and writes it into the audit. Call it in a transaction; what
    /// is left is done by `carryOn()`.
    ///
    /// - Parameter expected: the number that the person saw; if it is another by now, nothing happens.
    /// - Throws: `StorageError` with `.changed` if the number is another one, `.refused` if a retry of messages is
    ///   asked for.
    package func begin(
        _ verb: DeadActionView.Verb, _ scope: DeadScope, expected: Int64, by actor: String, reason: String
    ) async throws -> DeadActionView {
        // Whoever changes the group in this way waits here, so that the number counted is the number touched.
        try await database.execute("SELECT FROM dead_group WHERE id = \(scope.group) FOR UPDATE")
        guard let group = try await group(scope.group) else { throw Self.noGroup(scope.group) }
        if group.source == .message, verb == .retry {
            throw Self.messagesAreNotRunAgain
        }
        let preview = try await preview(verb, scope)
        guard preview.count == expected else {
            throw StorageError(
                .changed, "There are \(preview.count) by now, not \(expected). Look at them again before you confirm.")
        }
        let id: Int64? = try await database.query(
            """
            INSERT INTO dead_action (group_id, verb, institution_id, include_overtaken, actor, reason, total)
            SELECT \(group.id), \(verb.rawValue), (SELECT id FROM institution WHERE slug = \(scope.institution)),
                \(scope.includesOvertaken), \(actor), \(reason), \(preview.count)
            RETURNING id
            """
        ).first?.decode("id")
        guard let id, let action = try await carryOn(id) else { throw Self.noGroup(scope.group) }
        try await AuditStore(database).append(
            AuditEntry(
                actor: actor, action: verb == .retry ? .deadRetry : .deadDiscard, subject: "dead group \(group.id)",
                before: ["failed": preview.count], after: ["asked": preview.count, "overtaken": preview.overtaken],
                reason: reason))
        return action
    }

    /// Does one batch of an action that is unfinished, in this transaction. Served by `dead_action_unfinished`.
    ///
    /// - Parameter id: nil takes the oldest that nobody else is at.
    /// - Returns: how it stands now, or nil if there is nothing to do.
    package func carryOn(_ id: Int64? = nil) async throws -> DeadActionView? {
        let row = try await database.query(
            """
            SELECT a.id, a.verb, a.group_id, g.source FROM dead_action a JOIN dead_group g ON g.id = a.group_id
            WHERE a.finished_at IS NULL AND (\(id)::bigint IS NULL OR a.id = \(id))
            ORDER BY a.id LIMIT 1 FOR UPDATE OF a SKIP LOCKED
            """
        ).first
        guard let row else { return nil }
        let (id, word, group, source) = try row.decode((Int64.self, String.self, Int64.self, String.self))
        let verb = try StorageError.known(
            DeadActionView.Verb(rawValue: word), word: word, column: "dead_action.verb")
        let touched: Int
        var meant: Int?
        switch (verb, source) {
        case (.retry, _):
            let again = try await StepStore(database).runAgain(action: id, limit: Self.batch)
            (meant, touched) = (again.meant, again.touched)
        case (.discard, "message"): touched = try await discardMessages(action: id)
        case (.discard, _): touched = try await discardSteps(action: id)
        }
        // Of a full batch some may have been left out, as one of it has taken their key: the next look leaves them out.
        let isFinished = (meant ?? touched) < Self.batch
        try await database.execute(
            """
            UPDATE dead_action SET done = done + \(Int64(touched)),
                finished_at = CASE WHEN \(isFinished) THEN clock_timestamp() END WHERE id = \(id)
            """)
        if isFinished, verb == .discard { try await close(group) }
        return try await actions(of: group).first { $0.id == id }
    }

    /// Members `s` of jobs `j` that an action `a` is about and has not touched yet.
    static let isMeant: PostgresQuery = """
        s.dead_group = a.group_id AND s.state = 'failed' AND s.discarded_at IS NULL AND s.dead_at <= a.begun_at
            AND (a.institution_id IS NULL OR j.institution_id = a.institution_id)
        """

    private func discardSteps(action: Int64) async throws -> Int {
        try await database.execute(
            """
            WITH meant AS (
                SELECT s.job_id, s.ordinal FROM dead_action a
                JOIN step s ON s.dead_group = a.group_id JOIN job j ON j.id = s.job_id
                WHERE a.id = \(action) AND \(Self.isMeant)
                ORDER BY s.job_id, s.ordinal LIMIT \(Self.batch) FOR UPDATE OF s
            )
            UPDATE step SET discarded_at = clock_timestamp() FROM meant
            WHERE step.job_id = meant.job_id AND step.ordinal = meant.ordinal
            """)
    }

    private func discardMessages(action: Int64) async throws -> Int {
        try await database.execute(
            """
            UPDATE dead_message SET discarded_at = clock_timestamp() WHERE id IN (
                SELECT m.id FROM dead_action a JOIN dead_message m ON m.group_id = a.group_id
                WHERE a.id = \(action) AND m.discarded_at IS NULL AND m.received_at <= a.begun_at
                ORDER BY m.id LIMIT \(Self.batch) FOR UPDATE OF m)
            """)
    }

    /// A group without members is closed.
    func close(_ group: Int64) async throws {
        try await database.execute(
            """
            UPDATE dead_group SET state = 'discarded' WHERE id = \(group)
                AND NOT EXISTS (SELECT FROM step s
                    WHERE s.dead_group = \(group) AND s.state = 'failed' AND s.discarded_at IS NULL)
                AND NOT EXISTS (SELECT FROM dead_message m WHERE m.group_id = \(group) AND m.discarded_at IS NULL)
            """)
    }

    /// What was done with a group, the latest first. Served by `dead_action_group`.
    package func actions(of group: Int64, limit: Int = 20) async throws -> [DeadActionView] {
        let rows = try await database.query(
            """
            SELECT a.*, n.slug AS institution FROM dead_action a LEFT JOIN institution n ON n.id = a.institution_id
            WHERE a.group_id = \(group) ORDER BY a.id DESC LIMIT \(limit)
            """)
        return try rows.map { row in
            let verb: String = try row.decode("verb")
            return DeadActionView(
                id: try row.decode("id"), group: group,
                verb: try StorageError.known(
                    DeadActionView.Verb(rawValue: verb), word: verb, column: "dead_action.verb"),
                institution: try row.decode("institution"), actor: try row.decode("actor"),
                reason: try row.decode("reason"), total: try row.decode("total"), done: try row.decode("done"),
                begunAt: try row.decode("begun_at"), finishedAt: try row.decode("finished_at"))
        }
    }
}
