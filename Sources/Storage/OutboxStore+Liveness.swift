import FoundationEssentials
import Jobs
package import Postgres

extension OutboxStore {
    /// Says that a dispatcher lives.
    package func beat(dispatcher: Int64, name: String) async throws {
        try await database.execute(
            """
            INSERT INTO dispatcher (id, name) VALUES (\(dispatcher), \(name))
            ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
            """)
    }

    /// Says that a dispatcher goes, and that it has published all that it had reserved or put it back.
    package func leave(dispatcher: Int64) async throws {
        try await database.execute("DELETE FROM dispatcher WHERE id = \(dispatcher)")
    }

    /// Lets tickets wait again that were rung by a dispatcher that is gone, and whose step nobody has taken: they may
    /// never have reached the broker. A second bell does no harm, as a claim takes a step only once.
    ///
    /// Served by `outbox_rung`, which holds what is in flight.
    /// - Returns: how many.
    package func adopt(silentFor patience: Duration) async throws -> Int {
        try await database.execute(
            Self.letWaitAgain(
                """
                DELETE FROM dispatcher WHERE seen_at < clock_timestamp() - make_interval(secs => \(patience / .seconds(1)))
                RETURNING id
                """))
    }

    /// As ``adopt(silentFor:)`` for a dispatcher that lives: it does not know whether its last look has marked tickets,
    /// because the answer was lost.
    ///
    /// Only together with the turn, which that look holds as long as it is under way.
    /// - Returns: whether it was done; false if somebody else has the turn just now.
    package static func forgetMarks(of dispatcher: Int64, in database: PostgresPool) async throws -> Bool {
        let answers = try await database.pipeline([
            turn, letWaitAgain("SELECT \(dispatcher)::bigint AS id WHERE \(hasTurn)"),
        ])
        return try answers[0].first?.decode("taken", as: String.self) == "true"
    }

    private static func letWaitAgain(_ gone: PostgresQuery) -> PostgresQuery {
        """
        WITH gone AS (\(gone))
        UPDATE outbox o SET rung_at = NULL, rung_by = NULL, due_at = least(o.due_at, clock_timestamp())
        FROM step s, gone
        WHERE o.rung_at IS NOT NULL AND o.rung_by = gone.id AND s.job_id = o.job_id AND s.ordinal = o.ordinal
            AND s.state = 'queued'
        """
    }

    /// Lets tickets wait again that were rung long ago though nobody has taken their step: the broker lost its data, or
    /// somebody purged a queue. Each time that nobody comes it waits twice as long as the time before.
    ///
    /// Served by `outbox_rung`.
    /// - Returns: how many.
    package func ringAgain(unansweredFor patience: Duration, limit: Int = 500) async throws -> Int {
        try await database.execute(
            """
            WITH unanswered AS (
                SELECT o.job_id, o.ordinal FROM outbox o JOIN step s ON s.job_id = o.job_id AND s.ordinal = o.ordinal
                WHERE o.rung_at IS NOT NULL AND s.state = 'queued'
                    AND o.rung_at < clock_timestamp() - make_interval(secs => \(patience / .seconds(1)) * 2.0 ^ least(o.unanswered, 10))
                LIMIT \(limit) FOR UPDATE OF o SKIP LOCKED
            )
            UPDATE outbox o SET rung_at = NULL, rung_by = NULL, due_at = least(o.due_at, clock_timestamp()),
                unanswered = least(o.unanswered + 1, 30000)
            FROM unanswered u WHERE o.job_id = u.job_id AND o.ordinal = u.ordinal
            """)
    }

    /// Lets go of tickets that stand behind a job that has ended: begun at the very moment when it ended, they were not
    /// seen by its ending. Served by `outbox_after`.
    /// - Returns: how many.
    package func letFollowersGo() async throws -> Int {
        try await database.execute(
            """
            UPDATE outbox o SET after_job = NULL, due_at = greatest(o.due_at, clock_timestamp())
            WHERE o.after_job IS NOT NULL
                AND NOT EXISTS (SELECT FROM job j WHERE j.id = o.after_job AND j.finished_at IS NULL)
            """)
    }
}
