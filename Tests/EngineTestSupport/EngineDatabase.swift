package import FoundationEssentials
package import Jobs
package import Logging
package import Postgres
package import Storage
import TestSupport
import Testing

/// A migrated database of a test's own with one integration in it, and the stores over it.
package struct EngineDatabase: Sendable {
    /// Takes and drops whatever is logged.
    package static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// How the database is reached, for further pools and listeners.
    package let configuration: PostgresConfiguration
    /// Runs as long as the test's body.
    package let pool: PostgresPool
    /// Id of the integration `school/nightly`.
    package let integration: Int64

    package var jobs: JobStore { JobStore(pool) }
    package var steps: StepStore { StepStore(pool) }
    package var imports: ImportStore { ImportStore(pool) }
    package var queries: StatusQueries { StatusQueries(pool) }

    /// Runs the body with a database on the shared server.
    ///
    /// - Parameter settings: of the integration; by default a source and a Canvas that nobody asks.
    package static func with(
        settings: IntegrationSettings = nowhere, _ body: (EngineDatabase) async throws -> Void
    ) async throws {
        try await PostgresServer.withDatabase { database in
            try await with(
                PostgresConfiguration(
                    host: database.host, port: database.port, database: database.name, user: database.user,
                    tls: .disable),
                settings: settings, body)
        }
    }

    /// Runs the body with an empty database on any server.
    package static func with(
        _ configuration: PostgresConfiguration, settings: IntegrationSettings = nowhere,
        _ body: (EngineDatabase) async throws -> Void
    ) async throws {
        try await PostgresPool.withPool(configuration, logger: logger) { pool in
            try await PostgresMigrator(migrations: StorageMigrations.all).apply(on: pool)
            let store = IntegrationStore(pool)
            let institution = try await store.put(institution: "school", name: "School")
            let integration = try await store.put(
                integration: "nightly", name: "Nightly", institution: institution, settings: settings)
            try await body(EngineDatabase(configuration: configuration, pool: pool, integration: integration))
        }
    }

    /// Settings that lead nowhere.
    package static let nowhere = settings(canvas: "http://127.0.0.1:1")

    /// Settings with a Canvas at this address.
    package static func settings(canvas address: String) -> IntegrationSettings {
        IntegrationSettings(
            source: .init(location: "/nowhere"), canvas: .init(address: address, token: "env:NOBODY_READS_THIS"))
    }

    /// Begins a roster sync.
    package func begin() async throws -> JobID {
        try await jobs.begin(.rosterSync, integration: integration, postedBy: "test")
    }

    /// Claims a step, which must be queued.
    package func claim(
        _ job: JobID, _ ordinal: Int16 = 1, owner: String = "worker", for lease: Duration = .seconds(30)
    ) async throws -> StepStore.Claim {
        let claims = try await steps.claim([StepID(job: job, ordinal: ordinal)], owner: owner, for: lease)
        return try #require(claims.first, "step \(ordinal) cannot be claimed")
    }

    /// Writes an ending that is legal from the step's state.
    ///
    /// - Returns: whether it was written.
    @discardableResult
    package func end(
        _ lease: StepLease, _ event: StepEvent, as outcome: StepEnding.AttemptOutcome, from: StepState = .running,
        result: StepResult = StepResult(), with change: (inout StepEnding) -> Void = { _ in }
    ) async throws -> Bool {
        var ending = try #require(StepEnding(lease, from: from, event: event, outcome: outcome, result: result))
        change(&ending)
        return try await steps.end([ending]) == [lease.step]
    }

    /// Claims and completes the steps before this one.
    package func complete(_ job: JobID, before ordinal: Int16) async throws {
        for earlier in 1..<ordinal { try await end(claim(job, earlier).lease, .complete, as: .completed) }
    }

    /// Everything about a job.
    package func details(_ job: JobID) async throws -> JobDetailsView {
        try #require(try await queries.details(of: job))
    }

    /// One step of a job as it stands.
    package func step(_ job: JobID, _ ordinal: Int = 1) async throws -> StepView {
        let steps = try await details(job).steps
        return try #require(steps.first { $0.ordinal == ordinal })
    }

    /// Steps whose doorbells are still to be rung, whether due or not, the earliest due first.
    package func bells() async throws -> [StepID] {
        try await pool.query(
            "SELECT job_id, ordinal FROM outbox WHERE rung_at IS NULL ORDER BY priority, due_at, job_id"
        ).map { row in
            let (job, ordinal) = try row.decode((UUID.self, Int16.self))
            return StepID(job: JobID(job), ordinal: ordinal)
        }
    }

    /// By when a job's ticket takes its place in the order; nil if it has none.
    package func dueAt(_ job: JobID) async throws -> Date? {
        try await pool.query("SELECT due_at FROM outbox WHERE job_id = \(job.uuid)").first?.decode(at: 0, as: Date.self)
    }

    /// This moment by the server's clock.
    package func now() async throws -> Date {
        try #require(try await pool.query("SELECT clock_timestamp()").first).decode(at: 0, as: Date.self)
    }

    /// Marks all doorbells as rung, as a dispatcher would.
    package func silence() async throws {
        try await pool.execute("UPDATE outbox SET rung_at = clock_timestamp(), rings = rings + 1 WHERE rung_at IS NULL")
    }

    /// Makes a running step's lease run out, as if its worker had stopped answering.
    package func expire(_ step: StepID) async throws {
        try await pool.execute(
            """
            UPDATE step SET leased_until = clock_timestamp() - interval '1 second'
            WHERE job_id = \(step.job.uuid) AND ordinal = \(step.ordinal) AND state = 'running'
            """)
    }
}
