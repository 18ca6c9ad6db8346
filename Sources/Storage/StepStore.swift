import FoundationEssentials
package import Jobs
package import Postgres

/// The steps: claim, renew, end, hand back. Each write of an attempt names its fencing token; what a lost lease writes
/// changes no row, and the caller is told so.
///
/// Every statement takes a batch, so that a worker's commits per job can be a fraction of one.
package struct StepStore: Sendable {
    let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// A step that a worker now holds.
    package struct Claim: Sendable {
        package let lease: StepLease
        package let kind: StepKind
        package let job: JobDescription
        package let failures: Int
        package let throttles: Int
        package let rescues: Int
        /// What an earlier attempt saved.
        package let checkpoint: String?
    }

    /// Takes the queued ones of these steps under a lease. A step that is not queued (any more) is not returned: its
    /// doorbell was a double, or came for a step that has ended. Nor is one of a kind that only a newer version knows:
    /// it stays queued. Served by the primary key.
    ///
    /// - Parameters:
    ///   - steps: distinct steps, at most a few hundred.
    ///   - owner: the name of this worker process.
    ///   - duration: how long the lease lasts unless it is renewed.
    package func claim(_ steps: [StepID], owner: String, for duration: Duration) async throws -> [Claim] {
        // In one order for all workers: two that hear the same doorbells would otherwise lock each other's rows.
        let steps = steps.sorted { ($0.job.uuid, $0.ordinal) < ($1.job.uuid, $1.ordinal) }
        let job: PostgresQuery = steps.count == 1 ? "\(steps[0].job.uuid)::uuid" : "claimed.job_id"
        let rows = try await database.query(
            """
            WITH \(Self.rung(steps)), stopped AS (
                -- As a rule nothing is paused, and then this looks at no ticket.
                SELECT r.job_id, r.ordinal FROM rung r JOIN outbox o ON o.job_id = r.job_id AND o.ordinal = r.ordinal
                WHERE EXISTS (SELECT FROM pause) AND \(OutboxStore.isPaused)
            ), handed_back AS (
                UPDATE outbox o SET rung_at = NULL, rung_by = NULL, rings = least(o.rings + 1, 30000), unanswered = 0
                FROM stopped s
                WHERE o.job_id = s.job_id AND o.ordinal = s.ordinal
            ), claimed AS (
                UPDATE step SET state = 'running', fencing_token = fencing_token + 1, lease_owner = \(owner),
                    leased_until = clock_timestamp() + make_interval(secs => \(duration / .seconds(1))),
                    claimed_at = clock_timestamp(), started_at = coalesce(started_at, clock_timestamp()),
                    error_code = NULL, error_message = NULL, reason = NULL
                FROM rung
                WHERE step.job_id = rung.job_id AND step.ordinal = rung.ordinal AND step.state = 'queued'
                    AND step.run_after <= clock_timestamp() + interval '1 second'
                    AND step.kind = ANY(\(OutboxStore.kinds)::text[])
                    AND NOT EXISTS (SELECT FROM stopped s WHERE s.job_id = rung.job_id AND s.ordinal = rung.ordinal)
                RETURNING step.job_id, step.ordinal, step.kind, step.fencing_token, step.failures, step.throttles,
                    step.rescues, step.checkpoint
            ), heard AS (
                -- Rung before it was marked; or put back because nobody knew whether the broker had it, and heard after all.
                UPDATE outbox o SET rung_at = clock_timestamp(), rings = least(o.rings + 1, 30000) FROM claimed c
                WHERE o.job_id = c.job_id AND o.ordinal = c.ordinal AND o.rung_at IS NULL
            ), keys_gone AS (
                DELETE FROM job_key k USING claimed c
                WHERE EXISTS (SELECT FROM job_key) AND k.job_id = c.job_id AND k.scope = 'waiting'
            )
            SELECT claimed.job_id, claimed.ordinal, claimed.kind, claimed.fencing_token, claimed.failures::int,
                claimed.throttles::int, claimed.rescues::int, claimed.checkpoint,
                job.settings::text, institution.slug
            FROM claimed JOIN job ON job.id = \(job) JOIN institution ON institution.id = job.institution_id
            """)
        return try rows.map { row in
            let (job, ordinal, kind, token, failures, throttles, rescues, checkpoint, settings, institution) =
                try row.decode(
                    (
                        UUID.self, Int16.self, String.self, Int64.self, Int.self, Int.self, Int.self, String?.self,
                        String.self, String.self
                    ))
            let id = JobID(job)
            return Claim(
                lease: StepLease(step: StepID(job: id, ordinal: ordinal), token: token, owner: owner),
                kind: try StorageError.known(StepKind(rawValue: kind), word: kind, column: "step.kind"),
                job: JobDescription(id: id, institution: institution, settings: settings),
                failures: failures, throttles: throttles, rescues: rescues, checkpoint: checkpoint)
        }
    }

    /// The steps as a table.
    ///
    /// One that comes alone is named by values, which Postgres puts in the place of the table: it then reads the one
    /// partition that holds the step, where a join makes all of them ready: measured, an eighth to a fifth of
    /// the statement.
    private static func rung(_ steps: [StepID]) -> PostgresQuery {
        guard steps.count == 1, let step = steps.first else {
            return """
                rung AS (
                    SELECT * FROM unnest(\(steps.map(\.job.uuid))::uuid[], \(steps.map(\.ordinal))::smallint[])
                        AS r (job_id, ordinal)
                )
                """
        }
        return """
            rung AS NOT MATERIALIZED (
                SELECT \(step.job.uuid)::uuid AS job_id, \(step.ordinal)::smallint AS ordinal
            )
            """
    }

    /// What became of leases that were to be renewed.
    package struct Renewal: Sendable {
        /// Those that still hold; whoever is missing has lost its step and must stop.
        package var held: Set<StepLease> = []
        /// Those of them whose job somebody cancels: they must stop too, and say so.
        package var cancelled: Set<StepLease> = []
    }

    /// Renews leases in one statement. Served by the primary keys.
    package func renew(_ leases: [StepLease], for duration: Duration) async throws -> Renewal {
        guard let owner = leases.first?.owner else { return Renewal() }
        let rows = try await database.query(
            """
            WITH renewed AS (
                UPDATE step SET leased_until = clock_timestamp() + make_interval(secs => \(duration / .seconds(1)))
                FROM unnest(\(leases.map(\.step.job.uuid))::uuid[], \(leases.map(\.step.ordinal))::smallint[],
                    \(leases.map(\.token))::bigint[]) AS held (job_id, ordinal, token)
                WHERE step.job_id = held.job_id AND step.ordinal = held.ordinal AND step.fencing_token = held.token
                    AND step.state = 'running'
                RETURNING step.job_id, step.ordinal, step.fencing_token, step.cancel_requested_at IS NOT NULL AS is_cancelled
            ), heard AS (
                -- Put back at the very moment of its claim; a rescue looks for what is marked.
                UPDATE outbox o SET rung_at = clock_timestamp(), rings = least(o.rings + 1, 30000) FROM (
                    SELECT u.job_id, u.ordinal FROM outbox u JOIN renewed USING (job_id, ordinal)
                    WHERE u.rung_at IS NULL FOR UPDATE OF u SKIP LOCKED
                ) AS unmarked
                WHERE o.job_id = unmarked.job_id AND o.ordinal = unmarked.ordinal
            )
            SELECT job_id, ordinal, fencing_token, is_cancelled FROM renewed
            """)
        return try rows.reduce(into: Renewal()) { renewal, row in
            let (job, ordinal, token, isCancelled) = try row.decode((UUID.self, Int16.self, Int64.self, Bool.self))
            let lease = StepLease(step: StepID(job: JobID(job), ordinal: ordinal), token: token, owner: owner)
            renewal.held.insert(lease)
            if isCancelled { renewal.cancelled.insert(lease) }
        }
    }

    /// Those of these leases whose job somebody cancels. Served by the primary key.
    package func cancelled(among leases: [StepLease]) async throws -> [StepLease] {
        let rows = try await database.query(
            """
            SELECT (held.position - 1)::int AS position FROM unnest(\(leases.map(\.step.job.uuid))::uuid[],
                \(leases.map(\.step.ordinal))::smallint[], \(leases.map(\.token))::bigint[]) WITH ORDINALITY
                AS held (job_id, ordinal, token, position)
            JOIN step ON step.job_id = held.job_id AND step.ordinal = held.ordinal AND step.fencing_token = held.token
            WHERE step.cancel_requested_at IS NOT NULL AND step.state = 'running'
            """)
        return try rows.map { leases[try $0.decode("position", as: Int.self)] }
    }

    /// Writes where running steps stand, one row each.
    package func report(_ progress: [(lease: StepLease, percent: Int, counts: [String: Int64])]) async throws {
        try await database.execute(
            """
            INSERT INTO step_progress (job_id, ordinal, percent, counts, updated_at)
            SELECT r.job_id, r.ordinal, r.percent, r.counts::jsonb, clock_timestamp()
            FROM unnest(\(progress.map(\.lease.step.job.uuid))::uuid[], \(progress.map(\.lease.step.ordinal))::smallint[],
                \(progress.map(\.lease.token))::bigint[], \(progress.map { Int16($0.percent) })::smallint[],
                \(progress.map { CountsJSON.encode($0.counts) })::text[]) AS r (job_id, ordinal, token, percent, counts)
            JOIN step ON step.job_id = r.job_id AND step.ordinal = r.ordinal AND step.fencing_token = r.token
                AND step.state = 'running'
            ON CONFLICT (job_id, ordinal) DO UPDATE SET percent = greatest(step_progress.percent, excluded.percent),
                counts = step_progress.counts || excluded.counts, updated_at = excluded.updated_at
            """)
    }
}
