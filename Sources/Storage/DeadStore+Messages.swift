package import FoundationEssentials
package import Jobs
import Postgres

extension DeadStore {
    /// Something that the broker put aside, to be stored.
    package struct Letter: Sendable {
        /// The queue in which it died last.
        package let queue: String
        /// The broker's word for why.
        package let reason: String
        package let deaths: Int64
        package let firstDeathAt: Date?
        /// The publisher's id of the message, if it has one.
        package let messageID: String?
        /// The step that it names; nil if it cannot be read.
        package let step: StepID?
        /// Why it cannot be read.
        package let problem: String?
        /// How it begins, at most a few KiB; empty if it can be read.
        package let head: [UInt8]
        package let bytes: Int

        package init(
            queue: String, reason: String, deaths: Int64, firstDeathAt: Date?, messageID: String?, step: StepID?,
            problem: String?, head: [UInt8], bytes: Int
        ) {
            self.queue = queue
            self.reason = reason
            self.deaths = deaths
            self.firstDeathAt = firstDeathAt
            self.messageID = messageID
            self.step = step
            self.problem = problem
            self.head = head
            self.bytes = bytes
        }
    }

    /// Stores what the broker put aside, in groups beside those of failed steps. A letter that is delivered again is no
    /// second row: it is told by its queue, its deaths, and its id or its first bytes. Served by the unique keys.
    ///
    /// - Returns: how many were new.
    package func put(_ letters: [Letter]) async throws -> Int {
        guard !letters.isEmpty else { return 0 }
        let rows = try await database.query(
            """
            WITH letter AS (
                SELECT DISTINCT ON (key) * FROM (
                    SELECT l.*, encode(sha256(convert_to(concat_ws('|', l.queue, l.reason, l.deaths, l.first_death_at,
                        l.message_id, l.job_id, l.ordinal), 'UTF8') || l.head), 'hex') AS key
                    FROM unnest(
                        \(letters.map(\.queue))::text[], \(letters.map(\.reason))::text[], \(letters.map(\.deaths))::bigint[],
                        \(letters.map(\.firstDeathAt))::timestamptz[], \(letters.map(\.messageID))::text[],
                        \(letters.map(\.step?.job.uuid))::uuid[], \(letters.map(\.step?.ordinal))::smallint[],
                        \(letters.map(\.problem))::text[], \(letters.map { Hexadecimal.bytea($0.head) })::bytea[],
                        \(letters.map { Int64($0.bytes) })::bigint[]
                    ) AS l (queue, reason, deaths, first_death_at, message_id, job_id, ordinal, problem, head, bytes)
                ) AS keyed WHERE NOT EXISTS (SELECT FROM dead_message m WHERE m.key = keyed.key)
            ), titled AS (
                SELECT l.*, left(coalesce(l.problem, 'a doorbell that no worker took'), 200) AS fingerprint FROM letter l
            ), grouped AS (
                INSERT INTO dead_group (source, job_kind, step_kind, code, fingerprint, total, first_at, last_at,
                    sample_message)
                SELECT 'message', '', queue, reason, fingerprint, count(*),
                    coalesce(min(first_death_at), clock_timestamp()), clock_timestamp(), fingerprint
                FROM titled GROUP BY queue, reason, fingerprint ORDER BY queue, reason, fingerprint
                ON CONFLICT (source, job_kind, step_kind, code, fingerprint) DO UPDATE SET
                    total = dead_group.total + excluded.total, state = 'open',
                    first_at = least(dead_group.first_at, excluded.first_at), last_at = excluded.last_at
                RETURNING id, step_kind, code, fingerprint
            ), stored AS (
                INSERT INTO dead_message (key, group_id, queue, reason, deaths, first_death_at, job_id, ordinal, problem,
                    head, bytes, remark)
                SELECT t.key, g.id, t.queue, t.reason, t.deaths, t.first_death_at, t.job_id, t.ordinal, t.problem,
                    nullif(t.head, ''), t.bytes, \(Self.remark)
                FROM titled t
                JOIN grouped g ON g.step_kind = t.queue AND g.code = t.reason AND g.fingerprint = t.fingerprint
                LEFT JOIN step s ON s.job_id = t.job_id AND s.ordinal = t.ordinal
                ON CONFLICT (key) DO NOTHING RETURNING id
            )
            SELECT count(*) AS fresh FROM stored
            """)
        return Int(try rows.first?.decode("fresh", as: Int64.self) ?? 0)
    }

    /// What a dead doorbell means for its step `s`.
    private static let remark: PostgresQuery = """
        CASE
            WHEN t.job_id IS NULL THEN 'It names no step that can be read. No job of ours waits for it by this message alone.'
            WHEN s.state IS NULL THEN 'Its step is gone; nothing waits for it.'
            WHEN s.state = 'queued' THEN 'Its step is still queued, and is rung for again by itself.'
            WHEN s.state = 'pending' THEN 'Its step is not due yet, and is rung for when it is.'
            WHEN s.state = 'running' THEN 'A worker has taken its step by another bell.'
            ELSE 'Its step had gone on by another bell; nothing waits for it.'
        END
        """

    /// What the broker put aside, of a group, the latest first. Served by `dead_message_group`.
    ///
    /// - Parameter before: the last id of the page before.
    package func messages(of group: Int64, before: Int64? = nil, limit: Int = 50) async throws
        -> PageView<DeadMessageView>
    {
        let limit = min(max(limit, 1), StatusQueries.largestPage)
        let rows = try await database.query(
            """
            SELECT * FROM dead_message WHERE group_id = \(group) AND discarded_at IS NULL
                AND (\(before)::bigint IS NULL OR id < \(before)) ORDER BY id DESC LIMIT \(limit + 1)
            """)
        return PageView(
            rows: try rows.map { row in
                var step: StepID?
                if let job: UUID = try row.decode("job_id"), let ordinal: Int16 = try row.decode("ordinal") {
                    step = StepID(job: JobID(job), ordinal: ordinal)
                }
                return DeadMessageView(
                    id: try row.decode("id"), queue: try row.decode("queue"), reason: try row.decode("reason"),
                    deaths: try row.decode("deaths"), step: step, problem: try row.decode("problem"),
                    bytes: try row.decode("bytes"), remark: try row.decode("remark"), note: try row.decode("note"),
                    receivedAt: try row.decode("received_at"))
            }, limit: limit)
    }

    /// Removes letters that are older than retention, a batch at a time. Served by `dead_message_received`.
    ///
    /// - Returns: how many went.
    package func prune(olderThan retention: Duration, limit: Int = 1000) async throws -> Int {
        try await database.execute(
            """
            DELETE FROM dead_message WHERE id IN (
                SELECT id FROM dead_message
                WHERE received_at < clock_timestamp() - make_interval(secs => \(retention / .seconds(1)))
                ORDER BY received_at LIMIT \(limit))
            """)
    }
}
