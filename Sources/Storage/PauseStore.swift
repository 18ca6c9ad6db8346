package import FoundationEssentials
package import Postgres

/// What nothing may be started of for now. What runs already runs on.
package struct PauseStore: Sendable {
    private let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// What a pause is about.
    package enum Scope: String, Sendable, Hashable, CaseIterable {
        /// A kind of step, such as `import`.
        case queue
        /// An institution, by its slug.
        case institution
        /// An integration, as `institution/integration`.
        case integration
        /// A kind of job, such as `roster_sync`.
        case kind
    }

    /// One pause.
    package struct Pause: Sendable, Hashable {
        package let scope: Scope
        package let target: String
        /// Nil until somebody resumes.
        package let until: Date?
        package let reason: String
        package let pausedBy: String
        package let pausedAt: Date
    }

    /// Pauses, or changes the pause that there is.
    ///
    /// - Throws: `StorageError` with `.notFound` if there is no such institution or integration.
    package func pause(_ scope: Scope, _ target: String, until: Date?, reason: String, by person: String) async throws {
        let written = try await database.execute(
            """
            WITH found AS (
                SELECT id FROM institution WHERE \(scope.rawValue) = 'institution' AND slug = \(target)
                UNION ALL
                SELECT g.id FROM integration g JOIN institution i ON i.id = g.institution_id
                WHERE \(scope.rawValue) = 'integration' AND i.slug || '/' || g.slug = \(target)
            )
            INSERT INTO pause (scope, target, target_id, until, reason, paused_by)
            SELECT \(scope.rawValue), \(target), (SELECT id FROM found), \(until), \(reason), \(person)
            WHERE \(scope.rawValue) IN ('queue', 'kind') OR EXISTS (SELECT FROM found)
            ON CONFLICT (scope, target) DO UPDATE SET until = excluded.until, reason = excluded.reason,
                paused_by = excluded.paused_by, paused_at = clock_timestamp()
            """)
        guard written == 1 else {
            throw StorageError(.notFound, "There is no \(scope.rawValue) '\(target)' that could be paused.")
        }
    }

    /// Ends a pause; the dispatcher is told.
    ///
    /// - Returns: false if there was none.
    package func resume(_ scope: Scope, _ target: String) async throws -> Bool {
        let rows = try await database.query(
            """
            WITH gone AS (
                DELETE FROM pause WHERE scope = \(scope.rawValue) AND target = \(target) RETURNING scope
            )
            SELECT pg_notify('\(unescaped: OutboxStore.channel)', '')::text AS bell FROM gone
            """)
        return !rows.isEmpty
    }

    /// All pauses that hold now, the latest first; there are never many.
    package func all() async throws -> [Pause] {
        let rows = try await database.query(
            """
            SELECT scope, target, until, reason, paused_by, paused_at FROM pause
            WHERE until IS NULL OR until > clock_timestamp() ORDER BY paused_at DESC LIMIT 1000
            """)
        return try rows.map { row in
            let (scope, target, until, reason, person, at) = try row.decode(
                (String.self, String.self, Date?.self, String.self, String.self, Date.self))
            return Pause(
                scope: try StorageError.known(Scope(rawValue: scope), word: scope, column: "pause.scope"),
                target: target, until: until, reason: reason, pausedBy: person, pausedAt: at)
        }
    }
}
