import Foundation
import LocalServers
import Logging
import Postgres
import Simulators
import Testing

/// A cluster of real processes for the whole suite, and what its tests ask of it. A scheduler and a status service run
/// all the time; each test starts the workers that it is going to hurt, and has a Canvas of its own.
actor NightScene {
    static let shared = Task { try await NightScene() }

    let cluster: LocalCluster
    let database: PostgresPool
    private let running: Task<Void, any Error>
    private let folder: String
    /// When the schedules of all tests are planned for: the beginning of the minute in which the suite began.
    private let planned = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 / 60).rounded(.down) * 60)

    private init() async throws {
        folder = NSTemporaryDirectory() + "/rosterline-night-\(UUID().uuidString)"
        cluster = try await LocalCluster.start(
            in: folder, program: Self.program,
            settings: [
                "ROSTERLINE_WORKER_LEASE_SECONDS": "2", "ROSTERLINE_MAINTENANCE_INTERVAL_SECONDS": "0.2",
                "ROSTERLINE_POLLING_INTERVAL_SECONDS": "0.3", "ROSTERLINE_IMPORT_SETTLE_SECONDS": "3",
                "ROSTERLINE_DISPATCHER_INTERVAL_SECONDS": "0.2", "ROSTERLINE_WORKER_RETRY_SECONDS": "0.5",
                "ROSTERLINE_STATUS_PORT": "0", "ROSTERLINE_LOG_LEVEL": "debug", "NIGHT_TOKEN": "simulator-token",
            ])
        var configuration = PostgresConfiguration(
            host: cluster.postgres.host, port: cluster.postgres.port, database: cluster.postgres.database,
            user: cluster.postgres.user)
        configuration.poolSize = 2
        let pool = PostgresPool(
            configuration: configuration, logger: Logger(label: "night") { _ in SwiftLogNoOpLogHandler() })
        database = pool
        running = Task { try await pool.run() }
        try await cluster.start("scheduler", as: "scheduler")
        try await cluster.start("status", as: "status")
        // The servers end with the test process; only the files need somebody to remove them.
        Self.removeAtExit(folder)
    }

    /// The program beside the test bundle.
    private static let program: String = {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        return bundle.appendingPathComponent("rosterline").path
    }()

    /// Stores an integration of that name with a schedule that fires once a year: in the minute that has just begun.
    func apply(_ name: String, location: String, canvas: String) async throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let minute = calendar.dateComponents([.minute, .hour, .day, .month], from: planned)
        let cron =
            [minute.minute, minute.hour, minute.day, minute.month].map { "\($0 ?? 0)" }.joined(separator: " ") + " *"
        let path = "\(folder)/\(name).yaml"
        let text = """
            institutions:
              - slug: \(name)
                name: \(name)
                integrations:
                  - slug: roster
                    name: Roster
                    source: { kind: oneroster_csv, location: "\(location)" }
                    canvas: { address: "\(canvas)", account: self, token: "env:NIGHT_TOKEN" }
                    schedules:
                      - { slug: nightly, cron: "\(cron)", timeZone: UTC }
            """
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try await cluster.run(["apply", path])
    }

    /// Makes the schedule of that integration due now.
    func makeDue(_ name: String) async throws {
        try await database.execute(
            """
            UPDATE schedule SET next_at = \(planned) FROM integration g JOIN institution i ON i.id = g.institution_id
            WHERE schedule.integration_id = g.id AND i.slug = \(name)
            """)
    }

    /// Waits until the statement returns a row, and returns its first column.
    func wait(_ what: Comment, for limit: Duration = .seconds(120), _ query: PostgresQuery) async throws -> String {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if let row = try? await database.query(query).first { return try row.decode(at: 0, as: String.self) }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("It did not happen within \(limit): \(what)")
        throw CancellationError()
    }

    /// The job of an integration.
    func waitForJob(of name: String) async throws -> UUID {
        let id = try await wait(
            "a job of \(name)",
            """
            SELECT job.id::text FROM job JOIN institution i ON i.id = job.institution_id WHERE i.slug = \(name)
            """)
        return try #require(UUID(uuidString: id))
    }

    /// Waits until the step runs.
    func waitUntilRunning(_ kind: String, of job: UUID) async throws {
        _ = try await wait(
            "step \(kind) runs",
            "SELECT state FROM step WHERE job_id = \(job) AND kind = \(kind) AND state = 'running'")
    }

    /// Waits until the job has ended.
    func waitForEnd(of job: UUID, for limit: Duration = .seconds(240)) async throws -> String {
        try await wait(
            "job \(job) ends", for: limit, "SELECT state FROM job WHERE id = \(job) AND finished_at IS NOT NULL")
    }

    /// One number.
    func count(_ query: PostgresQuery) async throws -> Int {
        try await database.query(query).first?.decode(at: 0, as: Int.self) ?? 0
    }

    private static func removeAtExit(_ folder: String) {
        setenv("ROSTERLINE_NIGHT_FOLDER_TO_REMOVE", folder, 1)
        atexit {
            guard let folder = getenv("ROSTERLINE_NIGHT_FOLDER_TO_REMOVE") else { return }
            try? FileManager.default.removeItem(atPath: String(cString: folder))
        }
    }
}
