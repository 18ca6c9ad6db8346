package import Logging

/// One step of the schema's history; never changed once released.
package struct Migration: Sendable, Hashable {
    /// 1 or more; the order of application.
    package let version: Int
    package let name: String
    /// Any number of statements, run in one transaction.
    package let sql: String

    package init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }
}

/// Brings a database's schema to that of this program, forward only.
///
/// Every migration runs once, in a transaction of its own together with its row in `schema_migrations`, under an
/// advisory lock: any number of processes may try at once. Statements that refuse to run in a transaction (such as
/// CREATE INDEX CONCURRENTLY) are not possible.
package struct PostgresMigrator: Sendable {
    private static let lock = AdvisoryLock("schema_migrations")
    /// In order of version.
    package let migrations: [Migration]
    private let logger: Logger?

    /// - Precondition: no two of them have the same version.
    package init(migrations: [Migration], logger: Logger? = nil) {
        self.migrations = migrations.sorted { $0.version < $1.version }
        self.logger = logger
        let versions = Set(migrations.map(\.version))
        precondition(versions.count == migrations.count, "two migrations of one version in \(versions.sorted())")
    }

    /// Applies what is missing.
    /// - Parameters:
    ///   - allowNewer: accepts a database that a newer program has migrated further.
    ///   - lockLimit: how long to wait for another process that migrates.
    /// - Returns: what was applied, in order.
    /// - Throws: `PostgresError` with `.migrationConflict` when an applied one was changed, or the database has unknown
    ///   ones; `.acquireTimedOut`; or the failure of a statement, which undoes its migration and leaves those before.
    @discardableResult
    package func apply(
        on pool: PostgresPool, allowNewer: Bool = false, lockLimit: Duration = .seconds(300)
    ) async throws -> [Migration] {
        try await pool.withConnection { connection in
            try await connection.withAdvisoryLock(Self.lock, within: lockLimit) {
                try await createTable(on: connection)
                let missing = try await check(on: connection, allowNewer: allowNewer)
                for migration in missing { try await apply(migration, on: connection) }
                return missing
            }
        }
    }

    /// What `apply` would apply, under the same checks.
    package func pending(on database: some PostgresQuerying, allowNewer: Bool = false) async throws -> [Migration] {
        try await check(on: database, allowNewer: allowNewer)
    }

    /// The highest version applied; nil for a database that was never migrated.
    package func currentVersion(on database: some PostgresQuerying) async throws -> Int? {
        try await applied(on: database).keys.max()
    }

    private func createTable(on connection: PostgresConnection) async throws {
        // Not CREATE TABLE IF NOT EXISTS alone: that needs a right which a program that has nothing to migrate should
        // not.
        if try await tableExists(on: connection) { return }
        try await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version bigint PRIMARY KEY,
                name text NOT NULL,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            )
            """)
    }

    private func tableExists(on database: some PostgresQuerying) async throws -> Bool {
        try await database.query("SELECT to_regclass('schema_migrations') IS NOT NULL").first?.decode(at: 0) ?? false
    }

    private func applied(on database: some PostgresQuerying) async throws -> [Int: String] {
        guard try await tableExists(on: database) else { return [:] }
        let rows = try await database.query("SELECT version, checksum FROM schema_migrations")
        return try Dictionary(rows.map { try $0.decode((Int.self, String.self)) }) { first, _ in first }
    }

    private func check(on database: some PostgresQuerying, allowNewer: Bool) async throws -> [Migration] {
        let applied = try await applied(on: database)
        let checksums = try await checksums(on: database)
        for migration in migrations where applied[migration.version] != nil {
            guard applied[migration.version] == checksums[migration.version] else {
                throw PostgresError(
                    .migrationConflict, operation: "compare migration \(migration.version) \(migration.name)",
                    remedy:
                        "It was changed after it had been applied. Restore it, and put the change into a new migration."
                )
            }
        }
        let unknown = applied.keys.filter { version in !migrations.contains { $0.version == version } }
        if let newest = unknown.max(), !allowNewer {
            throw PostgresError(
                .migrationConflict, operation: "read the schema's version",
                remedy: "The database is at version \(newest), which this program does not know. Run a newer program.")
        }
        return migrations.filter { applied[$0.version] == nil }
    }

    /// SHA-256, by the server, so that nobody else needs to know how.
    private func checksums(on database: some PostgresQuerying) async throws -> [Int: String] {
        let rows = try await database.query(
            """
            SELECT version, encode(sha256(convert_to(text, 'UTF8')), 'hex')
            FROM unnest(\(migrations.map(\.version)), \(migrations.map(\.sql))) AS migration (version, text)
            """)
        return try Dictionary(rows.map { try $0.decode((Int.self, String.self)) }) { first, _ in first }
    }

    private func apply(_ migration: Migration, on connection: PostgresConnection) async throws {
        let start = ContinuousClock.now
        try await connection.withTransaction { transaction in
            // A migration of big tables may take longer than any statement of daily life.
            try await transaction.execute("SET LOCAL statement_timeout = 0")
            try await connection.executeScript(migration.sql, isUnlimited: true)
            try await transaction.execute(
                """
                INSERT INTO schema_migrations (version, name, checksum)
                VALUES (\(migration.version), \(migration.name),
                    encode(sha256(convert_to(\(migration.sql)::text, 'UTF8')), 'hex'))
                """)
        }
        logger?.info(
            "A migration was applied",
            metadata: [
                PostgresKeys.Log.migration: "\(migration.version) \(migration.name)",
                PostgresKeys.Log.durationMilliseconds: "\(Int((ContinuousClock.now - start) / .milliseconds(1)))",
            ])
    }
}
