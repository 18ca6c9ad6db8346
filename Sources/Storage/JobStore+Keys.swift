import FoundationEssentials
package import Jobs
package import Postgres

extension JobStore {
    /// Begins a job under its key; a job without one simply begins.
    ///
    /// - Parameter transaction: everything happens in it, so that the key is held exactly if the job stands.
    /// - Returns: what began, or which job was in the way.
    /// - Throws: `StorageError` with `.notFound` if there is no such integration.
    package static func begin(_ request: JobRequest, in transaction: PostgresTransaction) async throws -> Begun {
        let store = JobStore(transaction)
        var bare = request
        bare.key = nil
        guard let key = request.key else {
            try await store.begin([bare])
            return .begun(request.id)
        }
        if let winner = try await store.take(key, for: request.id) {
            switch key.conflict {
            case .keep: return .kept(winner: winner)
            case .reject: return .rejected(winner: winner)
            case .replace:
                try await JobStore.cancel(
                    winner, by: request.postedBy, reason: "Replaced by job \(request.id).", in: transaction)
                try await store.handOver(key, to: request.id)
                bare.afterJob = winner
                try await store.begin([bare])
                try await store.remember(key, of: request.id)
                return .replaced(request.id, old: winner)
            }
        }
        try await store.begin([bare])
        try await store.remember(key, of: request.id)
        return .begun(request.id)
    }

    /// Writes the key into the job's row, so that it is taken again with the job. One with a window is over or still
    /// held by then.
    private func remember(_ key: JobKey, of job: JobID) async throws {
        let (scope, seconds) = Self.words(key.scope)
        guard seconds == nil else { return }
        try await database.execute(
            "UPDATE job SET unique_key = \(key.text), unique_scope = \(scope) WHERE id = \(job.uuid)")
    }

    /// Takes the key of a job that has ended for another one that goes on from it.
    ///
    /// - Throws: `StorageError` with `.refused` if another job holds it.
    func inheritKey(of origin: JobID, for job: JobID) async throws {
        let row = try await database.query("SELECT unique_key, unique_scope FROM job WHERE id = \(origin.uuid)").first
        guard let row, let text = try row.decode("unique_key", as: String?.self) else { return }
        let isWaiting = try row.decode("unique_scope", as: String?.self) == "waiting"
        let winner = try await take(JobKey(text, scope: isWaiting ? .waiting : .unfinished), for: job)
        if let winner { throw Self.keyIsHeld(of: origin, text, by: winner) }
    }

    static func keyIsHeld(of job: JobID, _ key: String?, by winner: JobID?) -> StorageError {
        StorageError(
            .refused,
            """
            Job \(job) cannot run again: job \(winner?.description ?? "(gone by now)") holds its key \
            '\(key ?? "")'. Wait until that has ended, or cancel it first.
            """)
    }

    /// Takes a key, or names the job that holds it. The unique index decides; a window that is over is as good as free.
    private func take(_ key: JobKey, for job: JobID) async throws -> JobID? {
        let (scope, seconds) = Self.words(key.scope)
        let rows = try await database.query(
            """
            INSERT INTO job_key (key, job_id, scope, until)
            VALUES (\(key.text), \(job.uuid), \(scope), clock_timestamp() + make_interval(secs => \(seconds)))
            ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, scope = excluded.scope, until = excluded.until,
                taken_at = clock_timestamp() WHERE job_key.until <= clock_timestamp()
            RETURNING job_id
            """)
        guard rows.isEmpty else { return nil }
        // The insert has waited for whoever held it; this statement sees the winner, or nobody if it was let go since.
        let winner = try await database.query("SELECT job_id FROM job_key WHERE key = \(key.text)").first
        guard let winner else { return try await take(key, for: job) }
        return JobID(try winner.decode("job_id", as: UUID.self))
    }

    private func handOver(_ key: JobKey, to job: JobID) async throws {
        let (scope, seconds) = Self.words(key.scope)
        try await database.execute(
            """
            INSERT INTO job_key (key, job_id, scope, until)
            VALUES (\(key.text), \(job.uuid), \(scope), clock_timestamp() + make_interval(secs => \(seconds)))
            ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, scope = excluded.scope, until = excluded.until,
                taken_at = clock_timestamp()
            """)
    }

    private static func words(_ scope: JobKey.Scope) -> (word: String, seconds: Double?) {
        switch scope {
        case .waiting: ("waiting", nil)
        case .unfinished: ("unfinished", nil)
        case .window(let seconds): ("window", seconds)
        }
    }

    /// Jobs of an integration and kind that have not ended, in the order of their begin, with the integration locked
    /// for this transaction: whoever decides by what is seen here is the only one who does. Served by
    /// `job_integration`.
    package static func unfinished(
        integration: Int64, kind: JobKind, in transaction: PostgresTransaction
    ) async throws -> [JobID] {
        try await transaction.execute("SELECT id FROM integration WHERE id = \(integration) FOR NO KEY UPDATE")
        return try await transaction.query(
            """
            SELECT id FROM job WHERE state IN ('in_progress', 'held') AND integration_id = \(integration)
                AND kind = \(kind.rawValue) ORDER BY id LIMIT 1000
            """
        ).map { JobID(try $0.decode("id", as: UUID.self)) }
    }
}
