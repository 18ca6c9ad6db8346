import FoundationEssentials
package import Jobs
import Postgres

extension JobStore {
    /// What became of a job that somebody begins by hand.
    package enum ByHand: Sendable, Hashable {
        case begun(JobID, after: JobID?)
        /// The old job held the key; it is being cancelled, and the new one begins once it has ended.
        case replaced(JobID, old: JobID)
        /// Nothing began: these jobs of the same integration and kind have not ended, in the order in which they began.
        case refused([JobID])
        /// Nothing began: another job holds the key and is as good.
        case kept(winner: JobID)
        /// Nothing began: another job holds the key.
        case rejected(winner: JobID)

        /// What began, and what it waits for.
        package var begun: (job: JobID, after: JobID?)? {
            switch self {
            case .begun(let job, let other): (job, other)
            case .replaced(let job, let old): (job, old)
            case .refused, .kept, .rejected: nil
            }
        }
    }

    /// Begins a job that somebody asks for, beside those of its integration and kind that have not ended.
    ///
    /// Who holds the key of the request is no obstacle but a conflict, and the key says what comes of it.
    /// - Parameter guarded: what to do if any other job stands in the way.
    /// - Throws: `StorageError` with `.notFound` if there is no such integration.
    static func begin(
        byHand request: JobRequest, guarded: ScheduleOperations.Guard, in transaction: PostgresTransaction
    ) async throws -> ByHand {
        let others = try await unfinished(integration: request.integration, kind: request.kind, in: transaction)
        let holder = try await JobStore(transaction).holder(of: request.key)
        let obstacles = others.filter { $0 != holder }
        // Where the key decides that nothing begins, nobody is in anybody's way.
        let mayBegin = holder == nil || request.key?.conflict == .replace
        if guarded == .refuse, mayBegin, !obstacles.isEmpty { return .refused(obstacles) }
        var request = request
        if guarded == .after { request.afterJob = obstacles.last }
        return switch try await begin(request, in: transaction) {
        case .begun(let job): .begun(job, after: request.afterJob)
        case .replaced(let job, let old): .replaced(job, old: old)
        case .kept(let winner): .kept(winner: winner)
        case .rejected(let winner): .rejected(winner: winner)
        }
    }

    /// The job that holds a key now. By the primary key.
    private func holder(of key: JobKey?) async throws -> JobID? {
        guard let key else { return nil }
        return try await database.query(
            """
            SELECT job_id FROM job_key WHERE key = \(key.text) AND (until IS NULL OR until > clock_timestamp())
            """
        ).first.map { JobID(try $0.decode("job_id")) }
    }
}

extension OperatorActions {
    /// Begins a job by hand, with its line in the audit; what is refused, kept or rejected leaves none.
    ///
    /// - Parameter name: the integration as people read it, `institution/integration`.
    /// - Throws: `StorageError` with `.notFound` if there is no such integration.
    package func begin(
        _ kind: JobKind, of integration: Int64, called name: String, guarded: ScheduleOperations.Guard = .refuse,
        key: JobKey? = nil, by actor: String, reason: String? = nil
    ) async throws -> JobStore.ByHand {
        try await database.withTransaction { transaction in
            let outcome = try await JobStore.begin(
                byHand: JobRequest(kind, integration: integration, postedBy: actor, key: key), guarded: guarded,
                in: transaction)
            guard let (job, other) = outcome.begun else { return outcome }
            let after = ["integration": name, "after": other?.description, "key": key?.text]
            try await AuditStore(transaction).append(
                Self.replacement(outcome, by: actor) + [
                    AuditEntry(
                        actor: actor, action: .jobBegin, subject: AuditEntry.subject(job),
                        after: after.compactMapValues(\.self), reason: reason)
                ])
            return outcome
        }
    }

    /// The line of the job that gave way, if one did.
    static func replacement(_ outcome: JobStore.ByHand, by actor: String) -> [AuditEntry] {
        guard case .replaced(let job, let old) = outcome else { return [] }
        return [
            AuditEntry(
                actor: actor, action: .jobCancel, subject: AuditEntry.subject(old), after: ["state": "cancelled"],
                reason: "Replaced by job \(job).")
        ]
    }
}
