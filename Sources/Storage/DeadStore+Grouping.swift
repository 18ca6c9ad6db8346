package import FoundationEssentials
package import Jobs
import Postgres

extension DeadStore {
    /// A failed step that is in no group yet.
    package struct Ungrouped: Sendable {
        package let step: StepID
        package let jobKind: String
        package let stepKind: String
        package let code: String
        package let message: String
        package let failedAt: Date
    }

    /// What makes failures one group.
    package struct Key: Sendable, Hashable {
        package let jobKind: String
        package let stepKind: String
        package let code: String
        package let fingerprint: String

        package init(jobKind: String, stepKind: String, code: String, fingerprint: String) {
            self.jobKind = jobKind
            self.stepKind = stepKind
            self.code = code
            self.fingerprint = fingerprint
        }
    }

    /// Takes failed steps that are in no group, and locks them for this transaction; what somebody else has locked is
    /// passed over. Served by `step_ungrouped`, which holds nothing else.
    package func ungrouped(limit: Int = batch) async throws -> [Ungrouped] {
        let rows = try await database.query(
            """
            SELECT s.job_id, s.ordinal, j.kind AS job_kind, s.kind, coalesce(s.error_code, 'unknown') AS code,
                coalesce(s.error_message, '') AS message, coalesce(s.finished_at, clock_timestamp()) AS failed_at
            FROM step s JOIN job j ON j.id = s.job_id
            WHERE s.state = 'failed' AND s.dead_group IS NULL
            ORDER BY s.job_id, s.ordinal LIMIT \(limit) FOR UPDATE OF s SKIP LOCKED
            """)
        return try rows.map { row in
            Ungrouped(
                step: StepID(job: JobID(try row.decode("job_id")), ordinal: try row.decode("ordinal")),
                jobKind: try row.decode("job_kind"), stepKind: try row.decode("kind"), code: try row.decode("code"),
                message: try row.decode("message"), failedAt: try row.decode("failed_at"))
        }
    }

    /// Puts failed steps into their groups, which are made where there are none; a discarded group opens again.
    ///
    /// - Parameter keyed: steps that this transaction has locked, with their keys.
    package func put(_ keyed: [(failure: Ungrouped, key: Key)]) async throws {
        guard !keyed.isEmpty else { return }
        try await database.execute(
            """
            WITH failed AS (
                SELECT * FROM unnest(
                    \(keyed.map(\.failure.step.job.uuid))::uuid[], \(keyed.map(\.failure.step.ordinal))::smallint[],
                    \(keyed.map(\.key.jobKind))::text[], \(keyed.map(\.key.stepKind))::text[],
                    \(keyed.map(\.key.code))::text[], \(keyed.map(\.key.fingerprint))::text[],
                    \(keyed.map(\.failure.message))::text[], \(keyed.map(\.failure.failedAt))::timestamptz[]
                ) AS f (job_id, ordinal, job_kind, step_kind, code, fingerprint, message, failed_at)
            ), grouped AS (
                INSERT INTO dead_group (source, job_kind, step_kind, code, fingerprint, total, first_at, last_at, sample_job,
                    sample_ordinal, sample_message)
                SELECT 'step', job_kind, step_kind, code, fingerprint, count(*), min(failed_at), max(failed_at),
                    (array_agg(job_id ORDER BY failed_at DESC))[1], (array_agg(ordinal ORDER BY failed_at DESC))[1],
                    (array_agg(message ORDER BY failed_at DESC))[1]
                FROM failed GROUP BY job_kind, step_kind, code, fingerprint
                -- In one order for all: two that group the same causes would otherwise lock each other's rows.
                ORDER BY job_kind, step_kind, code, fingerprint
                ON CONFLICT (source, job_kind, step_kind, code, fingerprint) DO UPDATE SET
                    total = dead_group.total + excluded.total, state = 'open',
                    first_at = least(dead_group.first_at, excluded.first_at),
                    last_at = greatest(dead_group.last_at, excluded.last_at), sample_job = excluded.sample_job,
                    sample_ordinal = excluded.sample_ordinal, sample_message = excluded.sample_message
                RETURNING id, job_kind, step_kind, code, fingerprint
            )
            UPDATE step SET dead_group = g.id, dead_at = clock_timestamp(), discarded_at = NULL
            FROM failed f JOIN grouped g USING (job_kind, step_kind, code, fingerprint)
            WHERE step.job_id = f.job_id AND step.ordinal = f.ordinal AND step.state = 'failed' AND step.dead_group IS NULL
            """)
    }
}
