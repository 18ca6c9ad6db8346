import ArgumentParser
import Broker
import Postgres
import ServiceLifecycle
import Storage

/// Brings the database and the broker to what this version needs.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract:
            "Applies the database migrations and creates the broker's exchanges and queues; safe to run at any time.")

    @Flag(help: "Only say whether there is something to do; exit 1 if so.")
    var check = false

    func run() async throws {
        let cluster = try await Cluster(role: "migrate")
        let migrator = PostgresMigrator(migrations: StorageMigrations.all, logger: cluster.logger)
        try await cluster.withPool("migrate") { pool in
            let pending = try await migrator.pending(on: pool)
            if check {
                let missing = try await cluster.topology().missing(cluster.rabbitMQ("migrate"))
                for migration in pending { print("pending: V\(migration.version) \(migration.name)") }
                for name in missing { print("missing in the broker: \(name)") }
                guard pending.isEmpty, missing.isEmpty else { throw ExitCode(1) }
                return print("Nothing to do.")
            }
            let applied = try await migrator.apply(on: pool)
            for migration in applied { print("Applied V\(migration.version) \(migration.name).") }
            try await cluster.topology().create(cluster.rabbitMQ("migrate"))
            print("The database has schema version \(StorageMigrations.version); exchanges and queues are there.")
        }
    }
}

extension Cluster {
    /// Opens a pool for the length of a command.
    func withPool<T: Sendable>(_ role: String, _ body: (PostgresPool) async throws -> T) async throws -> T {
        var configuration = try postgres(role)
        configuration.poolSize = 2
        let pool = PostgresPool(configuration: configuration, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pool.run() }
            defer { group.cancelAll() }
            return try await body(pool)
        }
    }
}
