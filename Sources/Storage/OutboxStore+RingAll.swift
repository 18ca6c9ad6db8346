import FoundationEssentials
import Jobs
package import Postgres

extension OutboxStore {
    /// Takes the turn, and rings for all that is due if there is nothing to decide: so few wait that all of them fit
    /// into what their institutions may have in flight, and no institution draws on a bucket. What is paused waits. One
    /// round trip and one transaction, so that a step that comes alone does not pay for the order among many.
    ///
    /// Institutions take turns in what is returned. When one was served last is left as it is: that is only kept where
    /// somebody has to wait.
    ///
    /// Served by `outbox_waiting` and `outbox_rung`.
    ///
    /// - Parameters:
    ///   - limit: how many may wait at most, due or not, paused or not; a few dozen, as all of them are read.
    ///   - window: how many may be rung or running, over all institutions.
    /// - Returns: what was marked, which is nothing if another dispatcher has the turn; nil if there is something to
    ///   decide, see ``takeTurn(limit:)``, or if Postgres wants the transaction repeated.
    package static func ringAll(
        limit: Int, window: Int, dispatcher: Int64, in database: PostgresPool
    ) async throws -> [RungTicket]? {
        let ring: PostgresQuery = """
            WITH waiting AS MATERIALIZED (
                SELECT o.job_id, o.ordinal, o.institution_id, o.due_at <= clock_timestamp()
                    AND o.kind = ANY(\(kinds)::text[]) AND NOT (EXISTS (SELECT FROM pause) AND \(isPaused)) AS is_due
                FROM outbox o WHERE o.rung_at IS NULL AND o.after_job IS NULL AND \(hasTurn) LIMIT \(limit + 1)
                -- One that a worker claims just now, rung before it was marked, is marked by that.
                FOR UPDATE OF o SKIP LOCKED
            ), verdict AS MATERIALIZED (
                -- Beyond the limit may be what is due.
                SELECT count(*) > \(limit) OR count(*) FILTER (WHERE is_due) > 0 AND (
                    count(*) FILTER (WHERE is_due) + (SELECT count(*) FROM outbox WHERE rung_at IS NOT NULL) > \(window)
                    OR EXISTS (
                        SELECT FROM (
                            SELECT institution_id, count(*) AS steps FROM waiting WHERE is_due GROUP BY institution_id
                        ) AS w JOIN institution n ON n.id = w.institution_id
                        WHERE n.steps_per_minute IS NOT NULL OR n.concurrent_steps < w.steps + (
                            SELECT count(*) FROM outbox r WHERE r.institution_id = n.id AND r.rung_at IS NOT NULL)
                    )) AS is_open
                FROM waiting
            ), rung AS (
                UPDATE outbox o SET rung_at = clock_timestamp(), rung_by = \(dispatcher), rings = least(o.rings + 1, 30000)
                FROM waiting w
                WHERE NOT (SELECT is_open FROM verdict) AND w.is_due AND o.job_id = w.job_id AND o.ordinal = w.ordinal
                RETURNING o.job_id, o.ordinal, o.kind, o.version, o.rings = 1 AS is_first, o.institution_id, o.priority, o.due_at
            )
            SELECT v.is_open, r.job_id, r.ordinal, r.kind, r.version, r.is_first FROM verdict v LEFT JOIN rung r ON true
            ORDER BY row_number() OVER (PARTITION BY r.institution_id ORDER BY r.priority, r.due_at)
            """
        // Without BEGIN and COMMIT: what goes in one pipeline is one transaction.
        let rows: PostgresRows
        do {
            rows = try await database.pipeline([turn, ring])[1]
        } catch let error as PostgresError where error.sqlState?.asksForNewTransaction == true {
            return nil
        }
        var tickets: [RungTicket] = []
        for row in rows {
            let (isOpen, job, ordinal, kind, version, isFirst) = try row.decode(
                (Bool.self, UUID?.self, Int16?.self, String?.self, Int16?.self, Bool?.self))
            if isOpen { return nil }
            guard let job, let ordinal, let kind, let version, let isFirst else { continue }
            tickets.append(try ticket(job, ordinal, kind, version, isFirst: isFirst))
        }
        return tickets
    }
}
