package import FoundationEssentials
package import Jobs
package import Postgres

/// Keeps the history of a run in the run's own database: triggers on the engine's tables append to it, so that nothing
/// can happen to a step without a line, and the engine knows nothing of it.
package struct HistoryStore: Sendable {
    private let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// Makes the tables and triggers; needs the engine's own tables.
    package func install() async throws {
        for statement in Self.schema { _ = try await database.query(statement) }
    }

    private static let schema: [PostgresQuery] = [
        """
        CREATE TABLE history (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
            txid bigint NOT NULL DEFAULT txid_current(), what text NOT NULL, job_id uuid, ordinal smallint,
            token bigint NOT NULL DEFAULT 0, owner text, leased_until timestamptz, state text,
            writer text DEFAULT current_setting('application_name')
        )
        """,
        // The row of a step is locked by whoever changes it, so its lines stand in the order of the commits.
        """
        CREATE FUNCTION write_step_history() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            word text;
        BEGIN
            word := CASE
                WHEN NEW.state = 'running' AND NEW.fencing_token > OLD.fencing_token THEN 'claim'
                WHEN NEW.state = 'running' AND OLD.state = 'running'
                    AND NEW.leased_until IS DISTINCT FROM OLD.leased_until THEN 'renew'
                -- Whoever ends it once more changes nothing that one sees in the state.
                WHEN NEW.state = OLD.state AND OLD.state LIKE 'completed%' AND NEW.finished_at IS DISTINCT FROM OLD.finished_at
                    THEN 'move'
                WHEN NEW.state = OLD.state THEN NULL
                WHEN OLD.state = 'running' AND NEW.rescues > OLD.rescues THEN 'rescue'
                WHEN OLD.state = 'running' AND NEW.fencing_token > OLD.fencing_token THEN 'fence'
                WHEN OLD.state = 'running' THEN 'finish'
                ELSE 'move' END;
            IF word IS NOT NULL THEN
                INSERT INTO history (what, job_id, ordinal, token, owner, leased_until, state)
                VALUES (word, NEW.job_id, NEW.ordinal, OLD.fencing_token + (word = 'claim')::int,
                    coalesce(NEW.lease_owner, OLD.lease_owner), NEW.leased_until, NEW.state);
            END IF;
            RETURN NULL;
        END
        $$
        """,
        "CREATE TRIGGER write_history AFTER UPDATE ON step FOR EACH ROW EXECUTE FUNCTION write_step_history()",
        """
        CREATE FUNCTION write_cancel_history() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO history (what, job_id, ordinal) VALUES ('cancel', NEW.id, 0);
            RETURN NULL;
        END
        $$
        """,
        """
        CREATE TRIGGER write_history AFTER UPDATE ON job FOR EACH ROW
        WHEN (OLD.cancel_requested_at IS NULL AND NEW.cancel_requested_at IS NOT NULL)
        EXECUTE FUNCTION write_cancel_history()
        """,
    ]

    /// Does a step's work: one line, if the lease is valid at this moment. The step's row is locked for it, as by every
    /// change of it. That it was tried is written down whatever the lease is.
    ///
    /// - Returns: false if the lease is not valid (any more); then that is written down as well.
    package func effect(under lease: StepLease) async throws -> Bool {
        let rows = try await database.query(
            """
            WITH tried AS (
                INSERT INTO history (what, job_id, ordinal, token, owner)
                VALUES ('try', \(lease.step.job.uuid), \(lease.step.ordinal), \(lease.token), \(lease.owner))
            ), held AS (
                SELECT job_id, ordinal, fencing_token, least(clock_timestamp(), leased_until) AS at FROM step
                WHERE job_id = \(lease.step.job.uuid) AND ordinal = \(lease.step.ordinal)
                    AND fencing_token = \(lease.token) AND state = 'running' AND leased_until > clock_timestamp()
                FOR UPDATE
            ), done AS (
                -- The moment at which the lease was looked at: the step's row is locked from then on.
                INSERT INTO history (at, what, job_id, ordinal, token)
                SELECT at, 'effect', job_id, ordinal, fencing_token FROM held
            ), late AS (
                INSERT INTO history (what, job_id, ordinal, token, owner)
                SELECT 'refused', \(lease.step.job.uuid), \(lease.step.ordinal), \(lease.token), \(lease.owner)
                WHERE NOT EXISTS (SELECT FROM held)
            )
            SELECT count(*)::int AS held FROM held
            """)
        return try rows.first?.decode("held", as: Int.self) == 1
    }

    /// Whether the step has gone on without this lease, so that nothing written under it can count any more.
    package func isPast(_ lease: StepLease) async throws -> Bool {
        let rows = try await database.query(
            """
            SELECT state <> 'running' OR fencing_token <> \(lease.token) AS is_past FROM step
            WHERE job_id = \(lease.step.job.uuid) AND ordinal = \(lease.step.ordinal)
            """)
        return try rows.first?.decode("is_past", as: Bool.self) ?? true
    }

    /// Writes down that a worker was killed or frozen.
    package func killed(_ owner: String, at moment: Date) async throws {
        try await database.execute("INSERT INTO history (at, what, owner) VALUES (\(moment), 'kill', \(owner))")
    }

    /// The whole history, in order; served by its primary key.
    package func events() async throws -> [HistoryEvent] {
        var events: [HistoryEvent] = []
        while true {
            let last = events.last?.sequence ?? 0
            let rows = try await database.query(
                """
                SELECT seq, at, what, job_id, ordinal, token, owner, leased_until, state, writer FROM history
                WHERE seq > \(last) ORDER BY seq LIMIT 20000
                """)
            if rows.isEmpty { return events }
            for row in rows {
                let (sequence, at, what, job, ordinal, token, owner, leasedUntil, state, writer) = try row.decode(
                    (
                        Int64.self, Date.self, String.self, UUID?.self, Int16?.self, Int64.self, String?.self,
                        Date?.self, String?.self, String?.self
                    ))
                guard let what = HistoryEvent.What(rawValue: what) else { continue }
                events.append(
                    HistoryEvent(
                        sequence, at: at, what, step: job.map { StepID(job: JobID($0), ordinal: ordinal ?? 0) },
                        token: token, owner: owner, leasedUntil: leasedUntil, state: state, writer: writer))
            }
        }
    }

    /// The history as text, one event a line.
    package static func text(_ events: [HistoryEvent]) -> String {
        events.map { event in
            [
                "\(event.sequence)", event.at.formatted(.iso8601.time(includingFractionalSeconds: true)),
                event.what.rawValue, event.step?.description ?? "-", "\(event.token)", event.owner ?? "-",
                event.leasedUntil?.formatted(.iso8601.time(includingFractionalSeconds: true)) ?? "-",
                event.state ?? "-", event.writer ?? "-",
            ].joined(separator: "\t")
        }.joined(separator: "\n") + "\n"
    }
}
