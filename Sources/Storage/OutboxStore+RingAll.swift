import FoundationEssentials
package import Jobs
package import Postgres

extension OutboxStore {
    /// Takes the turn, and rings for all that is due if there is nothing to decide: so few wait that all of them fit
    /// into what their institutions may have in flight, no institution draws on a bucket, and nothing is paused. One
    /// round trip and one transaction, so that a step that comes alone does not pay for the order among many.
    ///
    /// When an institution was served last is left as it is: an order is only kept where somebody has to wait.
    ///
    /// Served by `outbox_waiting` and `outbox_rung`.
    ///
    /// - Parameters:
    ///   - limit: how many may wait at most, whether they are due or not; a few dozen, as it looks at all of them.
    ///   - window: how many may be rung or running, over all institutions.
    /// - Returns: what to publish, which is nothing if another dispatcher has the turn; nil if there is something to
    ///   decide, see ``takeTurn(limit:)``.
    package static func ringAll(
        limit: Int, window: Int, dispatcher: Int64, in database: PostgresPool
    ) async throws -> [StepMessage]? {
        let ring: PostgresQuery = """
            WITH waiting AS MATERIALIZED (
                SELECT job_id, ordinal, institution_id, kind, due_at FROM outbox
                WHERE rung_at IS NULL AND after_job IS NULL AND \(hasTurn) LIMIT \(limit + 1)
            ), verdict AS MATERIALIZED (
                SELECT count(*) > \(limit) OR EXISTS (SELECT FROM pause)
                    OR count(*) + (SELECT count(*) FROM outbox WHERE rung_at IS NOT NULL) > \(window)
                    OR EXISTS (
                        SELECT FROM (SELECT institution_id, count(*) AS steps FROM waiting GROUP BY institution_id) AS w
                        JOIN institution n ON n.id = w.institution_id
                        WHERE n.steps_per_minute IS NOT NULL OR n.concurrent_steps < w.steps + (
                            SELECT count(*) FROM outbox r WHERE r.institution_id = n.id AND r.rung_at IS NOT NULL)
                    ) AS is_open
                FROM waiting
            ), rung AS (
                UPDATE outbox o SET rung_at = clock_timestamp(), rung_by = \(dispatcher), rings = least(o.rings + 1, 30000)
                FROM waiting w
                WHERE NOT (SELECT is_open FROM verdict) AND o.job_id = w.job_id AND o.ordinal = w.ordinal
                    AND w.due_at <= clock_timestamp() AND w.kind = ANY(\(kinds)::text[])
                RETURNING o.job_id, o.ordinal, o.kind, o.version, o.priority, o.due_at
            )
            SELECT v.is_open, r.job_id, r.ordinal, r.kind, r.version FROM verdict v LEFT JOIN rung r ON true
            ORDER BY r.priority, r.due_at
            """
        // Without BEGIN and COMMIT: what goes in one pipeline is one transaction.
        let rows = try await database.pipeline([turn, ring])[1]
        var messages: [StepMessage] = []
        for row in rows {
            let (isOpen, job, ordinal, kind, version) = try row.decode(
                (Bool.self, UUID?.self, Int16?.self, String?.self, Int16?.self))
            if isOpen { return nil }
            guard let job, let ordinal, let kind, let version else { continue }
            messages.append(try message(job, ordinal, kind, version))
        }
        return messages
    }
}
