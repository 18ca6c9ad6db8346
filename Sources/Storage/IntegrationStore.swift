package import Jobs
package import Postgres

/// Institutions and their integrations: what `rosterline apply` writes.
package struct IntegrationStore: Sendable {
    private let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// Creates an institution or renames it.
    package func put(institution slug: String, name: String) async throws -> Int64 {
        let rows = try await database.query(
            """
            INSERT INTO institution (slug, name) VALUES (\(slug), \(name))
            ON CONFLICT (slug) DO UPDATE SET name = excluded.name RETURNING id
            """)
        return try Self.single(rows, "institution \(slug)")
    }

    /// An institution as it is stored.
    package struct Institution: Sendable, Hashable {
        package let id: Int64
        package let name: String
        package let limits: DispatchLimits
    }

    /// An institution, locked for this transaction, so that who applies a description decides by what is there; nil if
    /// there is none. Served by the unique key of the slug.
    package func take(institution slug: String) async throws -> Institution? {
        try await database.query(
            """
            SELECT id, name, concurrent_steps::int, weight::int, steps_per_minute::int, burst::int
            FROM institution WHERE slug = \(slug) FOR NO KEY UPDATE
            """
        ).first.map { row in
            let (id, name, steps, weight, perMinute, burst) = try row.decode(
                (Int64.self, String.self, Int?.self, Int.self, Int?.self, Int?.self))
            return Institution(
                id: id, name: name,
                limits: DispatchLimits(
                    concurrentSteps: steps, weight: weight, stepsPerMinute: perMinute, burst: burst))
        }
    }

    /// Name and settings, as JSON, of an integration; nil if there is none. Served by its unique key.
    package func integration(_ slug: String, of institution: Int64) async throws -> (name: String, settings: String)? {
        try await database.query(
            """
            SELECT name, jsonb_build_object('source', source, 'canvas', canvas, 'mapping', mapping)::text
            FROM integration WHERE institution_id = \(institution) AND slug = \(slug)
            """
        ).first.map { try $0.decode((String.self, String.self)) }
    }

    /// Replaces what an institution may have of the cluster; the dispatcher's next turn goes by it.
    package func put(_ limits: DispatchLimits, institution: Int64) async throws {
        try await database.execute(
            """
            UPDATE institution SET concurrent_steps = \(limits.concurrentSteps), weight = \(limits.weight),
                steps_per_minute = \(limits.stepsPerMinute), burst = \(limits.burst)
            WHERE id = \(institution)
            """)
    }

    /// Creates an integration or replaces its settings; jobs that already run keep the settings they began with.
    package func put(
        integration slug: String, name: String, institution: Int64, settings: IntegrationSettings
    ) async throws -> Int64 {
        let json = try settings.encoded()
        let rows = try await database.query(
            """
            INSERT INTO integration (institution_id, slug, name, source, canvas, mapping)
            SELECT \(institution), \(slug), \(name), j -> 'source', j -> 'canvas', j -> 'mapping'
            FROM (SELECT \(json)::jsonb AS j) AS given
            ON CONFLICT (institution_id, slug) DO UPDATE SET name = excluded.name, source = excluded.source,
                canvas = excluded.canvas, mapping = excluded.mapping, updated_at = now()
            RETURNING id
            """)
        return try Self.single(rows, "integration \(slug)")
    }

    /// The id of `institution/integration`.
    ///
    /// - Throws: `StorageError` with `.notFound`, naming those that exist.
    package func id(institution: String, integration: String) async throws -> Int64 {
        let rows = try await database.query(
            """
            SELECT g.id FROM integration g JOIN institution i ON i.id = g.institution_id
            WHERE i.slug = \(institution) AND g.slug = \(integration)
            """)
        if let row = rows.first { return try row.decode("id", as: Int64.self) }
        let known = try await all().map { "\($0.institution)/\($0.integration)" }
        throw StorageError(
            .notFound,
            known.isEmpty
                ? "There is no integration yet; describe one in a file and run 'rosterline apply FILE'."
                : "There is no integration '\(institution)/\(integration)'. There are: \(known.joined(separator: ", "))."
        )
    }

    /// An integration as the doctor needs it.
    package struct Entry: Sendable {
        package let institution: String
        package let integration: String
        package let settings: String
    }

    /// All integrations in the order of their names; at most 1 000.
    package func all() async throws -> [Entry] {
        let rows = try await database.query(
            """
            SELECT i.slug, g.slug,
                jsonb_build_object('source', g.source, 'canvas', g.canvas, 'mapping', g.mapping)::text
            FROM integration g JOIN institution i ON i.id = g.institution_id ORDER BY 1, 2 LIMIT 1000
            """)
        return try rows.map { row in
            let (institution, integration, settings) = try row.decode((String.self, String.self, String.self))
            return Entry(institution: institution, integration: integration, settings: settings)
        }
    }

    private static func single(_ rows: PostgresRows, _ what: String) throws -> Int64 {
        guard let row = rows.first else { throw StorageError(.notFound, "Could not store \(what).") }
        return try row.decode("id", as: Int64.self)
    }
}
