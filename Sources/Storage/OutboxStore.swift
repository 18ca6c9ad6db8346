package import FoundationEssentials
package import Jobs
package import Postgres

/// The outbox: a ticket for each step that is queued or running. A ticket waits, is rung, and goes when its attempt
/// ends. It counts how often it was rung, heard or put back (`rings`), and how often nobody answered (`unanswered`).
///
/// Whoever changes a step's state changes its ticket in the same statement, so nothing can be queued without a ticket.
package struct OutboxStore: Sendable {
    /// Postgres notifies this channel when a ticket may have become due; the notice is a hint, and the dispatcher polls
    /// as well.
    package static let channel = "rosterline_outbox"

    let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// True of tickets `o` of which nothing may be started now.
    static let isPaused: PostgresQuery = "EXISTS (SELECT FROM pause p WHERE \(pauseHolds))"

    /// True of pauses `p` that hold ticket `o` now.
    static let pauseHolds: PostgresQuery = """
        (p.until IS NULL OR p.until > clock_timestamp()) AND CASE p.scope
            WHEN 'institution' THEN p.target_id = o.institution_id
            WHEN 'integration' THEN p.target_id = o.integration_id
            WHEN 'queue' THEN p.target = o.kind
            ELSE p.target = o.job_kind END
        """

    private static let isDue: PostgresQuery =
        "o.rung_at IS NULL AND o.after_job IS NULL AND o.due_at <= clock_timestamp()"

    /// Takes the right to dispatch for this transaction, and looks at the backlog, in one round trip.
    ///
    /// One dispatcher decides at a time, so that limits are exact; it holds the right for a few milliseconds, and never
    /// while it talks to the broker.
    ///
    /// What the transaction writes is not waited for on its way to the disk: a mark that a crash forgets rings again.
    /// - Returns: nil if another one has it just now.
    package func takeTurn(limit: Int) async throws -> Backlog? {
        // Who has no turn looks at nothing.
        let look = Self.backlog(limit: limit, where: Self.hasTurn)
        let answers = try await database.pipeline([Self.turn, look])
        guard try answers[0].first?.decode("taken", as: String.self) == "true" else { return nil }
        return try Self.backlog(answers[1])
    }

    /// What it finds is for the statement behind it, which sees what the holder before us has committed.
    static let turn: PostgresQuery = """
        SELECT set_config('rosterline.turn', pg_try_advisory_xact_lock(\(turnLock))::text, true) AS taken,
            set_config('synchronous_commit', 'off', true) AS commits
        """
    static let hasTurn: PostgresQuery = "current_setting('rosterline.turn', true) = 'true'"

    /// "rosterdi" as a number.
    private static let turnLock: Int64 = 0x726F_7374_6572_6469

    /// An institution with tickets that are due.
    package struct Lane: Sendable, Hashable {
        package let institution: Int64
        /// Share of the turns; 1 to 100.
        package let weight: Int
        /// How many more steps may be in flight; nil for no limit.
        package let room: Int?
        /// The bucket as it was at `refilledAt`; nil if there is no limit.
        package let bucket: Bucket?
        /// Tickets that are due, counted up to the limit asked for.
        package let due: Int
        /// When its last turn ended; the earliest goes first.
        package let servedAt: Date
        /// Steps left of a turn that was broken off; 0 if the next one is whole.
        package let turnLeft: Int

        /// A token bucket.
        package struct Bucket: Sendable, Hashable {
            package var tokens: Double
            package var refilledAt: Date
            package let perMinute: Int
            package let burst: Int

            package init(tokens: Double, refilledAt: Date, perMinute: Int, burst: Int) {
                self.tokens = tokens
                self.refilledAt = refilledAt
                self.perMinute = perMinute
                self.burst = burst
            }
        }

        package init(
            institution: Int64, weight: Int = 1, room: Int? = nil, bucket: Bucket? = nil, due: Int,
            servedAt: Date = .distantPast, turnLeft: Int = 0
        ) {
            self.institution = institution
            self.weight = weight
            self.room = room
            self.bucket = bucket
            self.due = due
            self.servedAt = servedAt
            self.turnLeft = turnLeft
        }
    }

    /// What waits, and how much is in flight.
    package struct Backlog: Sendable, Hashable {
        package var lanes: [Lane] = []
        /// Tickets of all institutions that are rung or running.
        package var inFlight = 0
        /// The database's clock at the look, which the buckets go by as well; of no meaning without lanes.
        package var readAt = Date.distantPast
    }

    /// Institutions with tickets that are due, each looked up with one step over `outbox_waiting`, so that it costs who
    /// waits and not how many tickets there are. What is in flight is counted in `outbox_rung`, where there is a limit.
    package func backlog(limit: Int) async throws -> Backlog {
        try Self.backlog(await database.query(Self.backlog(limit: limit, where: "true")))
    }

    private static func backlog(limit: Int, where condition: PostgresQuery) -> PostgresQuery {
        """
        WITH RECURSIVE waiting (institution_id) AS (
            (SELECT institution_id FROM outbox WHERE rung_at IS NULL AND after_job IS NULL AND \(condition)
             ORDER BY institution_id LIMIT 1)
            UNION ALL
            SELECT (SELECT o.institution_id FROM outbox o WHERE o.rung_at IS NULL AND o.after_job IS NULL
                    AND o.institution_id > waiting.institution_id ORDER BY o.institution_id LIMIT 1)
            FROM waiting WHERE waiting.institution_id IS NOT NULL
        ), open_lane AS MATERIALIZED (
            -- Here and not ticket by ticket: what is paused is what grows long, and would be read by each look.
            SELECT institution_id FROM waiting WHERE NOT EXISTS (
                SELECT FROM pause p WHERE p.scope = 'institution' AND p.target_id = waiting.institution_id
                    AND (p.until IS NULL OR p.until > clock_timestamp()))
        )
        SELECT w.institution_id, n.weight::int, n.concurrent_steps - CASE WHEN n.concurrent_steps IS NOT NULL THEN (
                SELECT count(*) FROM outbox r WHERE r.institution_id = w.institution_id AND r.rung_at IS NOT NULL)::int END,
            n.steps_per_minute, coalesce(n.burst, n.steps_per_minute), l.tokens,
            greatest(l.refilled_at, '1970-01-01 00:00:00+00'), greatest(l.served_at, '1970-01-01 00:00:00+00'), l.turn_left, d.due,
            (SELECT count(*) FROM outbox WHERE rung_at IS NOT NULL)::int AS in_flight, clock_timestamp() AS read_at
        FROM open_lane w JOIN institution n ON n.id = w.institution_id JOIN lane l ON l.institution_id = n.id
        CROSS JOIN LATERAL (
            SELECT count(*)::int AS due FROM (
                SELECT FROM unnest(\(Self.priorities)::smallint[]) AS q (priority)
                JOIN outbox o ON o.institution_id = w.institution_id AND o.priority = q.priority AND \(Self.isDue)
                WHERE NOT (EXISTS (SELECT FROM pause) AND \(Self.isPaused)) LIMIT \(limit)
            ) AS waiting_now
        ) AS d
        WHERE d.due > 0
        """
    }

    private static func backlog(_ rows: PostgresRows) throws -> Backlog {
        try rows.reduce(into: Backlog()) { backlog, row in
            let (id, weight, room, perMinute, burst, tokens, refilledAt, servedAt, turnLeft, due, inFlight, readAt) =
                try row.decode(
                    (
                        Int64.self, Int.self, Int?.self, Int?.self, Int?.self, Double.self, Date.self, Date.self,
                        Int16.self, Int.self, Int.self, Date.self
                    ))
            backlog.inFlight = inFlight
            backlog.readAt = readAt
            var bucket: Lane.Bucket?
            if let perMinute, let burst {
                bucket = Lane.Bucket(tokens: tokens, refilledAt: refilledAt, perMinute: perMinute, burst: burst)
            }
            backlog.lanes.append(
                Lane(
                    institution: id, weight: weight, room: room.map { max(0, $0) }, bucket: bucket, due: due,
                    servedAt: servedAt, turnLeft: Int(turnLeft)))
        }
    }

    static let kinds = StepKind.allCases.map(\.rawValue)
    private static let priorities = JobPriority.allCases.map(\.rawValue)

    /// What one institution may ring now.
    package struct Grant: Sendable, Hashable {
        package let institution: Int64
        package let count: Int
        /// What is left in its bucket; nil if it has none.
        package let tokens: Double?
        /// Whether a turn of its has ended by this, so that it goes behind all who have waited longer.
        package let endsTurn: Bool
        /// What is left of the turn that this breaks off; 0 if the next one is whole.
        package let turnLeft: Int
        /// Steps of a turn.
        package let weight: Int

        package init(
            institution: Int64, count: Int, tokens: Double?, endsTurn: Bool = true, turnLeft: Int = 0, weight: Int = 1
        ) {
            self.institution = institution
            self.count = count
            self.tokens = tokens
            self.weight = weight
            self.endsTurn = endsTurn
            self.turnLeft = turnLeft
        }
    }

    /// A ticket that was marked as rung.
    package struct RungTicket: Sendable, Hashable {
        /// What is to be published once the mark is committed.
        package let message: StepMessage
        /// Nobody has rung, heard or put it back since it began together with its job. A bell that was published before
        /// the mark stands for such a ticket only.
        package let isFirst: Bool

        package init(_ message: StepMessage, isFirst: Bool) {
            self.message = message
            self.isFirst = isFirst
        }
    }

    /// Marks tickets as rung, for each institution those of the least priority number that have been due the longest,
    /// and writes the buckets down. Served by `outbox_waiting`. Kinds that this version does not know are left to one
    /// that does.
    ///
    /// - Parameter grants: in the order in which the institutions go behind each other.
    /// - Returns: institutions taking turns, by their weights.
    package func reserve(_ grants: [Grant], dispatcher: Int64) async throws -> [RungTicket] {
        try await database.query(Self.reservation(grants, dispatcher: dispatcher)).map(Self.ticket)
    }

    /// As ``reserve(_:dispatcher:)``, and ends the transaction that the turn was taken in.
    package static func reserve(
        _ grants: [Grant], dispatcher: Int64, committing transaction: PostgresTransaction
    ) async throws -> [RungTicket] {
        try await transaction.commit(after: reservation(grants, dispatcher: dispatcher)).map(ticket)
    }

    private static func reservation(_ grants: [Grant], dispatcher: Int64) -> PostgresQuery {
        """
        WITH granted AS (
            SELECT * FROM unnest(\(grants.map(\.institution))::bigint[], \(grants.map(\.count))::bigint[],
                \(grants.map(\.tokens))::double precision[], \(grants.map(\.endsTurn))::boolean[],
                \(grants.map { Int16($0.turnLeft) })::smallint[], \(grants.map(\.weight))::bigint[])
                WITH ORDINALITY AS g (institution_id, count, tokens, ends_turn, turn_left, weight, place)
        ), chosen AS (
            SELECT t.job_id, t.ordinal,
                row_number() OVER (PARTITION BY g.institution_id ORDER BY t.priority, t.due_at)::float8 / g.weight AS turn
            FROM granted g CROSS JOIN LATERAL (
                SELECT o.job_id, o.ordinal, o.priority, o.due_at
                FROM unnest(\(Self.priorities)::smallint[]) AS q (priority)
                CROSS JOIN LATERAL (
                    SELECT o.* FROM outbox o WHERE o.institution_id = g.institution_id AND o.priority = q.priority
                        AND \(Self.isDue) AND o.kind = ANY(\(Self.kinds)::text[])
                        AND NOT (EXISTS (SELECT FROM pause) AND \(Self.isPaused))
                    ORDER BY o.due_at LIMIT g.count
                ) AS o
                ORDER BY o.priority, o.due_at LIMIT g.count
            ) AS t
        ), served AS (
            UPDATE lane SET turn_left = g.turn_left, served_at = CASE WHEN g.ends_turn
                    THEN statement_timestamp() + g.place * interval '1 microsecond' ELSE lane.served_at END,
                tokens = coalesce(g.tokens, lane.tokens),
                refilled_at = CASE WHEN g.tokens IS NULL THEN lane.refilled_at ELSE clock_timestamp() END
            FROM granted g WHERE lane.institution_id = g.institution_id
        ), reserved AS (
            UPDATE outbox o SET rung_at = clock_timestamp(), rung_by = \(dispatcher), rings = least(o.rings + 1, 30000)
            FROM chosen c WHERE o.job_id = c.job_id AND o.ordinal = c.ordinal
            RETURNING o.job_id, o.ordinal, o.kind, o.version, o.rings = 1 AS is_first, c.turn
        )
        SELECT job_id, ordinal, kind, version, is_first FROM reserved ORDER BY turn
        """
    }

    private static func ticket(_ row: PostgresRow) throws -> RungTicket {
        let (job, ordinal, kind, version, isFirst) = try row.decode(
            (UUID.self, Int16.self, String.self, Int16.self, Bool.self))
        return try ticket(job, ordinal, kind, version, isFirst: isFirst)
    }

    static func ticket(
        _ job: UUID, _ ordinal: Int16, _ kind: String, _ version: Int16, isFirst: Bool
    ) throws -> RungTicket {
        let message = StepMessage(
            job: JobID(job), ordinal: ordinal,
            kind: try StorageError.known(StepKind(rawValue: kind), word: kind, column: "outbox.kind"),
            version: version)
        return RungTicket(message, isFirst: isFirst)
    }

    /// Puts tickets back that the broker did not take, or that no worker had a slot for; they are due again after the
    /// pause, and without one in the place that they had. A step that runs has been heard after all. A ticket whose
    /// bell rang before it was marked waits as it is, and its next mark rings.
    package func putBack(_ steps: [StepID], after pause: Duration) async throws {
        // What is not marked may be marked just now, by a statement that locks several rows; so one at a time.
        let isAlone = steps.count == 1
        let rows = try await database.query(
            """
            UPDATE outbox o SET rung_at = NULL, rung_by = NULL, rings = least(o.rings + 1, 30000), unanswered = 0,
                due_at = CASE WHEN p.seconds > 0
                    THEN greatest(o.due_at, clock_timestamp() + make_interval(secs => p.seconds)) ELSE o.due_at END
            FROM unnest(\(steps.map(\.job.uuid))::uuid[], \(steps.map(\.ordinal))::smallint[]) AS r (job_id, ordinal)
            JOIN step s ON s.job_id = r.job_id AND s.ordinal = r.ordinal AND s.state = 'queued'
            CROSS JOIN (SELECT \(pause / .seconds(1))::float8 AS seconds) AS p
            WHERE o.job_id = r.job_id AND o.ordinal = r.ordinal AND (\(isAlone) OR o.rung_at IS NOT NULL)
            RETURNING o.job_id, o.ordinal
            """)
        if isAlone { return }
        let done = try rows.map { row in
            let (job, ordinal) = try row.decode((UUID.self, Int16.self))
            return StepID(job: JobID(job), ordinal: ordinal)
        }
        for step in Set(steps).subtracting(done) { try await putBack([step], after: pause) }
    }
}
