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
        package let rescues: Int
    }

    /// Takes the queued ones of these steps under a lease. A step that is not queued (any more) is not returned: its
    /// doorbell was a double, or came for a step that has ended. Served by the primary key.
    ///
    /// - Parameters:
    ///   - steps: distinct steps, at most a few hundred.
    ///   - owner: the name of this worker process.
    ///   - duration: how long the lease lasts unless it is renewed.
    package func claim(_ steps: [StepID], owner: String, for duration: Duration) async throws -> [Claim] {
        // In one order for all workers: two that hear the same doorbells would otherwise lock each other's rows.
        let steps = steps.sorted { ($0.job.uuid, $0.ordinal) < ($1.job.uuid, $1.ordinal) }
        let rows = try await database.query(
            """
            WITH rung AS (
                SELECT * FROM unnest(\(steps.map(\.job.uuid))::uuid[], \(steps.map(\.ordinal))::smallint[]) AS r (job_id, ordinal)
            ), claimed AS (
                UPDATE step SET state = 'running', fencing_token = fencing_token + 1, lease_owner = \(owner),
                    leased_until = clock_timestamp() + make_interval(secs => \(duration / .seconds(1))),
                    started_at = coalesce(started_at, clock_timestamp()), error_code = NULL, error_message = NULL, reason = NULL
                FROM rung
                WHERE step.job_id = rung.job_id AND step.ordinal = rung.ordinal AND step.state = 'queued'
                    AND step.run_after <= clock_timestamp() + interval '1 second'
                RETURNING step.*
            ), tried AS (
                INSERT INTO attempt (job_id, ordinal, token, worker)
                SELECT job_id, ordinal, fencing_token, lease_owner FROM claimed
            )
            SELECT claimed.job_id, claimed.ordinal, claimed.kind, claimed.fencing_token, claimed.failures, claimed.rescues,
                job.kind, job.settings::text, institution.slug
            FROM claimed JOIN job ON job.id = claimed.job_id JOIN institution ON institution.id = job.institution_id
            """)
        return try rows.map { row in
            let (job, ordinal, kind, token, failures, rescues, jobKind, settings, institution) = try row.decode(
                (
                    UUID.self, Int16.self, String.self, Int64.self, Int.self, Int.self, String.self, String.self,
                    String.self
                ))
            let id = JobID(job)
            return Claim(
                lease: StepLease(step: StepID(job: id, ordinal: ordinal), token: token, owner: owner),
                kind: try StorageError.known(StepKind(rawValue: kind), word: kind, column: "step.kind"),
                job: JobDescription(
                    id: id, kind: try StorageError.known(JobKind(rawValue: jobKind), word: jobKind, column: "job.kind"),
                    institution: institution, settings: settings),
                failures: failures, rescues: rescues)
        }
    }

    /// Renews leases in one statement.
    ///
    /// - Returns: the leases that still hold; whoever is missing has lost its step and must stop.
    package func renew(_ leases: [StepLease], for duration: Duration) async throws -> Set<StepLease> {
        guard let owner = leases.first?.owner else { return [] }
        let rows = try await database.query(
            """
            UPDATE step SET leased_until = clock_timestamp() + make_interval(secs => \(duration / .seconds(1)))
            FROM unnest(\(leases.map(\.step.job.uuid))::uuid[], \(leases.map(\.step.ordinal))::smallint[],
                \(leases.map(\.token))::bigint[]) AS held (job_id, ordinal, token)
            WHERE step.job_id = held.job_id AND step.ordinal = held.ordinal AND step.fencing_token = held.token
                AND step.state = 'running'
            RETURNING step.job_id, step.ordinal, step.fencing_token
            """)
        return Set(
            try rows.map { row in
                let (job, ordinal, token) = try row.decode((UUID.self, Int16.self, Int64.self))
                return StepLease(step: StepID(job: JobID(job), ordinal: ordinal), token: token, owner: owner)
            })
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
