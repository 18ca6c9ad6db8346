internal import Postgres

/// History, made up by the database itself.
enum FinishedJobs {
    /// Adds jobs of one step that were completed during the last 20 days, in the partitions where they belong: those of
    /// this month lie beside the jobs that are measured.
    static func add(_ count: Int, to pool: PostgresPool) async throws {
        guard count > 0 else { return }
        try await pool.execute(
            """
            SELECT create_month_partitions(((now() - interval '21 days') AT TIME ZONE 'UTC')::date)
            """)
        let part = 250_000
        for first in stride(from: 0, to: count, by: part) {
            try await add(from: first, to: min(count, first + part), of: count, pool)
        }
        try await pool.execute("VACUUM (ANALYZE) job")
        try await pool.execute("VACUUM (ANALYZE) step")
        try await pool.execute("VACUUM (ANALYZE) attempt")
    }

    private static func add(from first: Int, to last: Int, of count: Int, _ pool: PostgresPool) async throws {
        try await pool.execute(
            """
            WITH past AS (
                SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7'
                    || lpad(to_hex(n & 4095), 3, '0') || '8' || substr(md5(n::text), 1, 15))::uuid AS id, moment
                FROM generate_series(\(first), \(last - 1)) AS n,
                    LATERAL (SELECT now() - interval '1 hour' - interval '20 days' * (1 - n::float8 / \(count)) AS moment) m
            ), jobs AS (
                INSERT INTO job (id, institution_id, integration_id, kind, state, posted_by, settings, created_at,
                    updated_at, finished_at)
                SELECT p.id, i.institution_id, i.id, 'roster_sync', 'completed', 'bench',
                    jsonb_build_object('source', i.source, 'canvas', i.canvas, 'mapping', i.mapping), moment, moment, moment
                FROM past p, (SELECT * FROM integration LIMIT 1) AS i
            ), steps AS (
                INSERT INTO step (job_id, ordinal, kind, state, run_after, queued_at, fencing_token, percent, started_at,
                    finished_at)
                SELECT id, 1, 'extract', 'completed', moment, moment, 1, 100, moment, moment FROM past
            )
            INSERT INTO attempt (job_id, ordinal, token, worker, started_at, ended_at, outcome)
            SELECT id, 1, 1, 'history', moment, moment, 'completed' FROM past
            """)
    }
}
