import Foundation
import Jobs
import Postgres

/// Puts rows straight into the tables, as the engine would have left them.
struct SampleRows: Sendable {
    let database: any PostgresQuerying

    /// - Returns: the id of the integration.
    func integration(
        institution: String = "north", name: String = "Nightly roster", slug: String = "nightly"
    ) async throws -> Int64 {
        try await database.execute(
            """
            INSERT INTO institution (slug, name)
            VALUES (\(institution), \("District \(institution)")) ON CONFLICT DO NOTHING
            """)
        let rows = try await database.query(
            """
            INSERT INTO integration (institution_id, slug, name, source, canvas)
            SELECT id, \(slug), \(name), '{}', '{}' FROM institution WHERE slug = \(institution) RETURNING id
            """)
        guard let row = rows.first else { throw CancellationError() }
        return try row.decode("id")
    }

    /// A job with an id of its own moment, so that jobs sort as they were made.
    func job(
        _ integration: Int64, state: JobState = .inProgress, at date: Date = Date(),
        postedBy: String = "schedule nightly"
    ) async throws -> UUID {
        var generator = SystemRandomNumberGenerator()
        let id = JobID(at: date, using: &generator).uuid
        try await database.execute(
            """
            INSERT INTO job (id, institution_id, integration_id, kind, state, posted_by, settings, finished_at)
            SELECT \(id), institution_id, id, 'roster_sync', \(state.rawValue), \(postedBy), '{}',
                CASE WHEN \(state.isEnd) THEN now() END
            FROM integration WHERE id = \(integration)
            """)
        return id
    }

    func step(
        _ job: UUID, _ ordinal: Int, _ kind: StepKind, _ state: StepState, percent: Int = 0, counts: String = "{}",
        reason: String? = nil, error: String? = nil
    ) async throws {
        let hasBegun = state != .pending && state != .queued && state != .skipped
        let isRunning = state == .running
        try await database.execute(
            """
            INSERT INTO step (job_id, ordinal, kind, state, percent, counts, reason, error_code, error_message,
                started_at, lease_owner, leased_until)
            VALUES (\(job), \(Int16(ordinal)), \(kind.rawValue), \(state.rawValue), \(Int16(percent)),
                \(PostgresJSON(counts)), \(reason), \(error == nil ? nil : "roster.unreadable"), \(error),
                CASE WHEN \(hasBegun) THEN now() END, CASE WHEN \(isRunning) THEN 'worker-1' END,
                CASE WHEN \(isRunning) THEN now() + interval '30 s' END)
            """)
    }

    func attempt(_ job: UUID, _ ordinal: Int, token: Int64, outcome: String?, error: String? = nil) async throws {
        try await database.execute(
            """
            INSERT INTO attempt (job_id, ordinal, token, worker, started_at, ended_at, outcome, error_message)
            VALUES (\(job), \(Int16(ordinal)), \(token), 'worker-1', now() - interval '75 s',
                CASE WHEN \(outcome != nil) THEN now() END, \(outcome), \(error))
            """)
    }

    func canvasImport(_ job: UUID, answer: String, state: String = "imported_with_messages") async throws {
        try await database.execute(
            """
            INSERT INTO sis_import (job_id, ordinal, batch, file_name, sha256, canvas_id, workflow_state, progress,
                answer, polled_at)
            VALUES (\(job), 3, 1, 'batch.zip', decode(repeat('ab', 32), 'hex'), 4711, \(state), 100,
                \(PostgresJSON(answer)), now())
            """)
    }
}
