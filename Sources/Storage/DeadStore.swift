import FoundationEssentials
package import Jobs
package import Postgres

/// What failed for good: groups of one cause, their members, and what is done about them.
package struct DeadStore: Sendable {
    /// Members of a group are counted up to here where lists show their number; previews count them all.
    package static let countLimit = 10_000

    /// Members that one statement of a retry or discard touches.
    static let batch = 500

    let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// Groups, the one that failed last first. Served by `dead_group_last`; the members' numbers by `step_dead` and
    /// `dead_message_group`.
    ///
    /// - Parameters:
    ///   - all: also those that have no member left.
    ///   - limit: rows, 1 to `StatusQueries.largestPage`; anything else is brought into that range.
    package func groups(all: Bool = false, limit: Int = 100) async throws -> PageView<DeadGroupView> {
        let limit = min(max(limit, 1), StatusQueries.largestPage)
        let rows = try await database.query(
            """
            SELECT * FROM (\(Self.groupColumns)) AS g WHERE \(all) OR g.members > 0
            ORDER BY g.last_at DESC, g.id DESC LIMIT \(limit + 1)
            """)
        return PageView(rows: try rows.map(Self.group), limit: limit)
    }

    /// One group, or nil if there is none.
    package func group(_ id: Int64) async throws -> DeadGroupView? {
        try await database.query("\(Self.groupColumns) WHERE d.id = \(id)").first.map(Self.group)
    }

    private static let groupColumns: PostgresQuery = """
        SELECT d.*, CASE d.source
            WHEN 'step' THEN (SELECT count(*) FROM (
                SELECT FROM step s WHERE s.dead_group = d.id AND s.state = 'failed' AND s.discarded_at IS NULL
                LIMIT \(countLimit)) AS counted)
            ELSE (SELECT count(*) FROM (
                SELECT FROM dead_message m WHERE m.group_id = d.id AND m.discarded_at IS NULL
                LIMIT \(countLimit)) AS counted)
            END AS members
        FROM dead_group d
        """

    private static func group(_ row: PostgresRow) throws -> DeadGroupView {
        let source: String = try row.decode("source")
        return DeadGroupView(
            id: try row.decode("id"),
            source: try StorageError.known(
                DeadGroupView.Source(rawValue: source), word: source, column: "dead_group.source"),
            jobKind: try row.decode("job_kind"), stepKind: try row.decode("step_kind"), code: try row.decode("code"),
            fingerprint: try row.decode("fingerprint"),
            isDiscarded: try row.decode("state", as: String.self) == "discarded", total: try row.decode("total"),
            members: try row.decode("members"), firstAt: try row.decode("first_at"), lastAt: try row.decode("last_at"),
            sampleJob: try row.decode("sample_job", as: UUID?.self).map(JobID.init),
            sampleMessage: try row.decode("sample_message"), note: try row.decode("note"),
            assignedTo: try row.decode("assigned_to"))
    }

    /// The failed steps of a group, the latest jobs first. Served by `step_dead`.
    ///
    /// - Parameter before: the last step of the page before.
    package func steps(of scope: DeadScope, before: StepID? = nil, limit: Int = 50) async throws
        -> PageView<DeadStepView>
    {
        let limit = min(max(limit, 1), StatusQueries.largestPage)
        var conditions: PostgresQuery = ""
        if let before { conditions.append(" AND (s.job_id, s.ordinal) < (\(before.job.uuid), \(before.ordinal))") }
        if let slug = scope.institution { conditions.append(" AND n.slug = \(slug)") }
        let rows = try await database.query(
            """
            SELECT s.job_id, s.ordinal, n.slug AS institution_slug, n.name AS institution_name, i.slug AS integration_slug,
                i.name AS integration_name, coalesce(s.finished_at, s.dead_at) AS failed_at,
                coalesce(s.error_message, s.error_code, '') AS message, s.dead_note, \(Self.isOvertaken) AS overtaken
            FROM step s JOIN job j ON j.id = s.job_id JOIN integration i ON i.id = j.integration_id
            JOIN institution n ON n.id = j.institution_id
            WHERE s.dead_group = \(scope.group) AND s.state = 'failed' AND s.discarded_at IS NULL\(conditions)
            ORDER BY s.job_id DESC, s.ordinal DESC LIMIT \(limit + 1)
            """)
        return PageView(
            rows: try rows.map { row in
                DeadStepView(
                    step: StepID(job: JobID(try row.decode("job_id")), ordinal: try row.decode("ordinal")),
                    institution: NamedView(
                        slug: try row.decode("institution_slug"), name: try row.decode("institution_name")),
                    integration: NamedView(
                        slug: try row.decode("integration_slug"), name: try row.decode("integration_name")),
                    failedAt: try row.decode("failed_at"), message: try row.decode("message"),
                    note: try row.decode("dead_note"), isOvertaken: try row.decode("overtaken"))
            }, limit: limit)
    }

    /// True of jobs `j` after which another one of the same integration and kind has been completed. Served by
    /// `job_integration`.
    static let isOvertaken: PostgresQuery = """
        EXISTS (SELECT FROM job later WHERE later.integration_id = j.integration_id AND later.id > j.id
            AND later.kind = j.kind AND later.state IN ('completed', 'warning'))
        """

    /// Counts what an action would touch. Served by `step_dead` or `dead_message_group`.
    ///
    /// - Throws: `StorageError` with `.notFound` if there is no such group.
    package func preview(_ verb: DeadActionView.Verb, _ scope: DeadScope) async throws -> DeadPreview {
        guard let group = try await group(scope.group) else { throw Self.noGroup(scope.group) }
        if group.source == .message {
            let count: Int64? = try await database.query(
                """
                SELECT count(*) AS n FROM dead_message WHERE group_id = \(group.id) AND discarded_at IS NULL
                """
            ).first?.decode("n")
            return DeadPreview(count: count ?? 0, overtaken: 0)
        }
        let row = try await database.query(
            """
            SELECT count(*) AS n, count(*) FILTER (WHERE \(Self.isOvertaken)) AS overtaken
            FROM step s JOIN job j ON j.id = s.job_id
            WHERE s.dead_group = \(scope.group) AND s.state = 'failed' AND s.discarded_at IS NULL
                AND (\(scope.institution)::text IS NULL
                    OR j.institution_id = (SELECT id FROM institution WHERE slug = \(scope.institution)))
            """
        ).first
        let count = try row?.decode("n", as: Int64.self) ?? 0
        let overtaken = try row?.decode("overtaken", as: Int64.self) ?? 0
        guard verb == .retry, !scope.includesOvertaken else { return DeadPreview(count: count, overtaken: 0) }
        return DeadPreview(count: count - overtaken, overtaken: overtaken)
    }

    static func noGroup(_ id: Int64) -> StorageError {
        StorageError(
            .notFound, "There is no group \(id) of failures; 'rosterline dead list --all' shows those there are.")
    }
}
