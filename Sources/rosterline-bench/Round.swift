internal import Broker
internal import Foundation
internal import LocalServers
internal import Logging
internal import Postgres
internal import RabbitMQ

/// One contestant with a database and a queue of its own, both empty to begin with.
struct Round: Sendable {
    let scene: JobsScene
    let contestant: Contestant
    let database: String
    let queue: String
    /// One connection, for looking on.
    let pool: PostgresPool
    private let statements: String?

    static let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }

    /// Runs the body with everything prepared, and removes it afterwards.
    static func with<Result: Sendable>(
        _ contestant: Contestant, _ scene: JobsScene, _ body: (Round) async throws -> Result
    ) async throws -> Result {
        let name = "bench_\(contestant.rawValue.replacing("-", with: "_"))"
        try await onServer(scene, ["DROP DATABASE IF EXISTS \(name) WITH (FORCE)", "CREATE DATABASE \(name)"])
        var configuration = try PostgresConfiguration(url: scene.databaseURL(name))
        configuration.poolSize = 1
        configuration.statementTimeout = .seconds(3600)
        let result = try await PostgresPool.withPool(configuration, logger: logger) { pool in
            let round = Round(
                scene: scene, contestant: contestant, database: name, queue: "bench-\(contestant.rawValue)", pool: pool,
                statements: contestant == .engineInC ? scene.folder + "/engine.sql" : nil)
            try await round.prepare()
            return try await body(round)
        }
        try await onServer(scene, ["DROP DATABASE \(name) WITH (FORCE)"])
        return result
    }

    private static func onServer(_ scene: JobsScene, _ statements: [String]) async throws {
        var configuration = try PostgresConfiguration(url: scene.databaseURL("postgres"))
        configuration.statementTimeout = .seconds(600)
        try await PostgresPool.withPool(configuration, logger: logger) { pool in
            for statement in statements { try await pool.execute(PostgresQuery(unescaped: statement)) }
        }
    }

    private func prepare() async throws {
        let broker = try RabbitMQConfiguration(url: scene.rabbitMQ.url)
        if contestant.usesEngine {
            let engine = try engine()
            try await engine.prepare(limited: contestant == .limited)
            for policy in engine.topology.policies { try await scene.rabbitMQ.ctl(policy.commandArguments) }
            if contestant == .engineInC, let statements {
                try await StatementExport.write(engine, to: statements)
                // What was claimed for the export is no part of the measurement.
                try await pool.execute("TRUNCATE job, step, attempt, outbox")
            }
            return
        }
        try await RabbitMQAdministration.with(broker) { broker in
            try await broker.delete(queue: queue)
            if contestant == .plainC { try await broker.declare(.quorum(queue)) }
        }
        if contestant == .plainC {
            try await pool.execute(
                """
                CREATE TABLE bench_job (
                    id uuid PRIMARY KEY, state text NOT NULL,
                    started_at timestamptz NOT NULL DEFAULT clock_timestamp(), finished_at timestamptz)
                """)
        } else {
            _ = try await run(peer(["prepare"]))
        }
    }

    private func engine() throws -> EngineUnderTest {
        try EngineUnderTest(
            database: scene.databaseURL(database), broker: scene.rabbitMQ.url, prefix: queue)
    }

    // MARK: What a contestant does

    /// Enqueues jobs; returns the seconds that the contestant itself measured, without its start.
    func enqueue(_ count: Int) async throws -> Double {
        struct Answer: Decodable {
            let seconds: Double
        }
        let command: [String] =
            switch contestant {
            case .engine, .limited, .engineInC: [scene.program, "jobs-engine", "enqueue", "--count", "\(count)"]
            case .plainC: [scene.program, "jobs-in-c", "enqueue", "\(count)", "500"]
            default: peer(["enqueue", "\(count)"])
            }
        return try JSONDecoder().decode(Answer.self, from: Data(try await run(command).utf8)).seconds
    }

    /// Fills the queue, by the quickest way that leaves the same messages.
    func fill(_ count: Int) async throws {
        if contestant == .pika {
            _ = try await run([scene.program, "jobs-in-c", "enqueue", "\(count)", "500"])
        } else {
            _ = try await enqueue(count)
        }
    }

    /// Starts a worker process.
    ///
    /// - Parameter count: jobs after which it may end by itself; nil for never.
    func startWorker(_ number: Int = 1, expecting count: Int?) throws -> LocalServerProcess {
        let count = "\(count ?? 0)"
        let command: [String] =
            switch contestant {
            case .engine, .limited: [scene.program, "jobs-engine", "work", "--count", count]
            case .engineInC, .plainC: [scene.program, "jobs-in-c", "work", count, "500", "1000"]
            case .pika: peer(["work", count])
            default: peer(["work"])
            }
        return try start(command, log: "worker-\(number)")
    }

    /// The engine's dispatcher; nobody else has one.
    func startDispatcher() throws -> LocalServerProcess? {
        guard contestant.isEngine else { return nil }
        return try start([scene.program, "jobs-engine", "dispatch"], log: "dispatcher")
    }

    func latency(rate: Int, seconds: Int) async throws -> LatencyAnswer {
        let command: [String] =
            switch contestant {
            case .engine, .limited:
                [scene.program, "jobs-engine", "latency", "--rate", "\(rate)", "--seconds", "\(seconds)"]
            case .engineInC, .plainC: [scene.program, "jobs-in-c", "latency", "\(rate)", "\(seconds)"]
            default: peer(["latency", "\(rate)", "\(seconds)"])
            }
        let output = try await run(command)
        return try JSONDecoder().decode(LatencyAnswer.self, from: Data(output.utf8))
    }

    /// Statements that were run since the extension was reset, without those of whoever looks on.
    func statements() async throws -> Double {
        let row = try await pool.query(
            """
            SELECT coalesce(sum(calls), 0)::float8 FROM pg_stat_statements
            WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND query !~ 'pg_stat|SELECT EXISTS|extract.epoch'
            """
        ).first
        return try row?.decode(at: 0, as: Double.self) ?? 0
    }

    // MARK: Processes

    private func peer(_ words: [String]) -> [String] {
        guard let peers = scene.peers, let program = contestant.program else {
            preconditionFailure("\(contestant) has no program of Python's")
        }
        // Errors belong into a file: what is printed is JSON.
        return [
            "/bin/sh", "-c", "exec \"$0\" \"$@\" 2>>\(scene.folder)/\(contestant.rawValue)-errors.log", peers.python,
            peers.folder + "/" + program,
        ] + words
    }

    private func environment(_ command: [String]) -> [String] {
        // The C program listens to the queue itself, the engine's processes to those of a prefix.
        let isC = command.contains("jobs-in-c")
        let queue = isC && contestant == .engineInC ? "\(queue).steps.extract" : queue
        return scene.environment(database: database, queue: queue, statements: isC ? statements : nil)
    }

    private func start(_ command: [String], log: String) throws -> LocalServerProcess {
        try LocalServerProcess(
            ["/usr/bin/env", "--default-signal=INT"] + command, environment: environment(command),
            log: "\(scene.folder)/\(contestant.rawValue)-\(log).log")
    }

    private func run(_ command: [String]) async throws -> String {
        let (status, output) = try await LocalServerProcess.run(
            command, environment: environment(command), within: .seconds(3600))
        guard status == 0 else {
            throw BenchError("\(contestant.title): \(command.suffix(4)) ended with \(status): \(output.suffix(1000))")
        }
        // Warnings come before; the answer is the last line.
        return output.split(separator: "\n").last.map(String.init) ?? ""
    }
}
