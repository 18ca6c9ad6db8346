package import Jobs
package import Postgres

/// The read side: what pages, the API and the metrics show. It writes nothing, and every list has a limit.
///
/// Lists go by key, never by offset: a page costs the same wherever it stands, and rows that arrive meanwhile move
/// none.
package struct StatusQueries: Sendable {
    /// The most rows that one page holds.
    package static let largestPage = 200

    let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// Jobs, the newest first.
    ///
    /// Served by the primary key of `job` (its partitions follow one another in the order of ids), by `job_integration`
    /// when an integration is named, or by `job_attention`; the stage, the counts and the files of each row by the
    /// primary keys of `step` and `artifact`.
    /// - Parameters:
    ///   - before: the last id of the page before; nil = from the newest.
    ///   - limit: rows, 1 to `largestPage`; anything else is brought into that range.
    package func jobs(_ filter: JobFilter = JobFilter(), before: JobID? = nil, limit: Int = 50) async throws
        -> PageView<JobView>
    {
        let limit = min(max(limit, 1), Self.largestPage)
        var conditions: PostgresQuery = "true"
        if let before { conditions.append(" AND j.id < \(before.uuid)") }
        switch filter.state {
        case nil: break
        case .completed: conditions.append(" AND j.state = 'completed'")
        case .inProgress: conditions.append(" AND j.state = 'in_progress' AND j.id IN (\(Self.underWay))")
        case let state?: conditions.append(" AND j.attention = \(state.rawValue)")
        }
        if let kind = filter.kind { conditions.append(" AND j.kind = \(kind.rawValue)") }
        if let slug = filter.institution { conditions.append(" AND n.slug = \(slug)") }
        if let slug = filter.integration {
            conditions.append(" AND j.integration_id IN (SELECT id FROM integration WHERE slug = \(slug))")
        }
        let rows = try await database.query(
            "\(Self.jobColumns) WHERE \(conditions) ORDER BY j.id DESC LIMIT \(limit + 1)")
        return PageView(rows: try rows.map(Self.job), limit: limit)
    }

    /// The jobs under way: a step of theirs is queued or running, and has a ticket, or waits on Canvas.
    static let underWay: PostgresQuery =
        "SELECT job_id FROM outbox UNION SELECT job_id FROM sis_import WHERE next_poll_at IS NOT NULL"

    /// The job's row as a list shows it, or nil.
    package func job(_ id: JobID) async throws -> JobView? {
        try await database.query("\(Self.jobColumns) WHERE j.id = \(id.uuid)").first.map(Self.job)
    }

    private static let jobColumns: PostgresQuery = """
        SELECT j.id, n.slug AS institution_slug, n.name AS institution_name, i.slug AS integration_slug,
            i.name AS integration_name, j.kind, j.state, j.posted_by, j.created_at, j.updated_at, j.finished_at,
            coalesce(
                j.settings -> 'mapping' ->> 'timeZone',
                (SELECT time_zone FROM schedule c WHERE c.integration_id = i.id ORDER BY c.slug LIMIT 1)) AS time_zone,
            stage.kind AS stage_kind, stage.state AS stage_state, stage.percent AS stage_percent,
            EXISTS (SELECT 1 FROM artifact a WHERE a.job_id = j.id) AS has_artifacts, roster.counts AS roster_counts
        FROM job j
        JOIN integration i ON i.id = j.integration_id
        JOIN institution n ON n.id = j.institution_id
        LEFT JOIN LATERAL (
            SELECT s.kind, s.state, greatest(s.percent, p.percent) AS percent FROM step s
            LEFT JOIN step_progress p ON p.job_id = s.job_id AND p.ordinal = s.ordinal
            WHERE s.job_id = j.id AND s.state NOT IN ('completed', 'completed_with_warnings', 'skipped')
            ORDER BY s.ordinal LIMIT 1
        ) stage ON true
        LEFT JOIN LATERAL (
            SELECT (s.counts || coalesce(p.counts, '{}'))::text AS counts FROM step s
            LEFT JOIN step_progress p ON p.job_id = s.job_id AND p.ordinal = s.ordinal
            WHERE s.job_id = j.id AND s.kind = 'extract' ORDER BY s.ordinal LIMIT 1
        ) roster ON true
        """

    private static func job(_ row: PostgresRow) throws -> JobView {
        let state: String = try row.decode("state")
        var stage: JobStageView?
        if let kind: String = try row.decode("stage_kind") {
            let stageState: String = try row.decode("stage_state")
            stage = JobStageView(
                kind: kind,
                state: try StorageError.known(StepState(rawValue: stageState), word: stageState, column: "step.state"),
                percent: Int(try row.decode("stage_percent", as: Int16.self)))
        }
        return JobView(
            id: JobID(try row.decode("id")),
            institution: NamedView(slug: try row.decode("institution_slug"), name: try row.decode("institution_name")),
            integration: NamedView(slug: try row.decode("integration_slug"), name: try row.decode("integration_name")),
            kind: try row.decode("kind"),
            state: try StorageError.known(JobState(rawValue: state), word: state, column: "job.state"),
            postedBy: try row.decode("posted_by"),
            createdAt: try row.decode("created_at"), updatedAt: try row.decode("updated_at"),
            finishedAt: try row.decode("finished_at"),
            timeZone: try row.decode("time_zone"), stage: stage,
            hasArtifacts: try row.decode("has_artifacts"),
            rosterCounts: try row.decode("roster_counts", as: String?.self).map(counts) ?? [:])
    }
}
