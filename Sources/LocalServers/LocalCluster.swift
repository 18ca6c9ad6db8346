import FoundationEssentials
import Glibc

/// A whole Rosterline on this machine: a private Postgres, a private RabbitMQ, and processes of the program itself.
/// Everything ends with us, however we end.
package actor LocalCluster {
    package nonisolated let postgres: LocalPostgres
    package nonisolated let rabbitMQ: LocalRabbitMQ
    /// Holds the logs, the artifacts and the scratch files.
    package nonisolated let folder: String

    private let program: String
    private let settings: [String: String]
    private var processes: [String: LocalServerProcess] = [:]

    private init(
        postgres: LocalPostgres, rabbitMQ: LocalRabbitMQ, folder: String, program: String, settings: [String: String]
    ) {
        self.postgres = postgres
        self.rabbitMQ = rabbitMQ
        self.folder = folder
        self.program = program
        self.settings = settings
    }

    /// Starts both servers at once and brings them to what the program needs.
    ///
    /// - Parameters:
    ///   - folder: made when missing; it stays afterwards.
    ///   - serverFolder: where Postgres keeps its data: its user must be able to reach it. Nil makes a folder that
    /// vanishes.
    ///   - program: path of `rosterline`.
    ///   - settings: further variables of the processes' environment.
    /// - Throws: `ServerError`.
    package static func start(
        in folder: String, serverFolder: String? = nil, program: String, settings: [String: String] = [:]
    ) async throws -> LocalCluster {
        guard access(program, X_OK) == 0 else {
            throw ServerError(
                .missingProgram, operation: "find \(program)", remedy: "Build it: swift build --product rosterline")
        }
        for name in ["", "/log", "/artifacts", "/scratch"] {
            try FileManager.default.createDirectory(atPath: folder + name, withIntermediateDirectories: true)
        }
        async let postgres = startPostgres(in: serverFolder)
        async let rabbitMQ = LocalRabbitMQ.start(in: serverFolder.map { $0 + "/rabbitmq" })
        let cluster = LocalCluster(
            postgres: try await postgres, rabbitMQ: try await rabbitMQ, folder: folder, program: program,
            settings: settings)
        try await cluster.run(["migrate"])
        let definitions = folder + "/definitions.json"
        try await cluster.run(["definitions"]).write(toFile: definitions, atomically: true, encoding: .utf8)
        _ = try await cluster.rabbitMQ.ctl(["import_definitions", definitions])
        return cluster
    }

    /// In that folder if the server's user can reach it, else in one that vanishes: a clone below somebody's home is
    /// often closed to others.
    private static func startPostgres(in serverFolder: String?) async throws -> LocalPostgres {
        do {
            return try await LocalPostgres.start(in: serverFolder.map { $0 + "/postgres" })
        } catch let error as ServerError where error.code == .unusableFolder && serverFolder != nil {
            return try await LocalPostgres.start()
        }
    }

    /// What the processes get told.
    package var environment: [String] {
        let password = postgres.password.map { ":\($0)" } ?? ""
        let own = [
            "ROSTERLINE_POSTGRES_URL":
                "postgres://\(postgres.user)\(password)@\(postgres.host):\(postgres.port)/\(postgres.database)",
            "ROSTERLINE_RABBITMQ_URL": rabbitMQ.url,
            "ROSTERLINE_ARTIFACTS_FOLDER": folder + "/artifacts",
            "ROSTERLINE_SCRATCH_FOLDER": folder + "/scratch",
            "ROSTERLINE_LOG_FORMAT": "text",
        ].merging(settings) { $1 }
        let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("ROSTERLINE_") }
        return inherited.merging(own) { $1 }.map { "\($0.key)=\($0.value)" }
    }

    /// Runs a subcommand to its end.
    ///
    /// - Throws: `ServerError` with what it printed, if it failed.
    @discardableResult
    package func run(_ arguments: [String], within limit: Duration = .seconds(240)) async throws -> String {
        let (status, output) = try await LocalServerProcess.run(
            [program] + arguments, environment: environment, within: limit)
        guard status == 0 else {
            throw ServerError(
                .system, operation: "run rosterline \(arguments.joined(separator: " ")) (exit \(status))",
                remedy: "Read what it printed.", log: output)
        }
        return output
    }

    /// Starts a role; its log is `log/NAME.log` in the cluster's folder.
    package func start(_ role: String, as name: String, settings: [String: String] = [:]) throws {
        let variables = environment + settings.map { "\($0.key)=\($0.value)" }
        processes[name] = try LocalServerProcess(
            [program, role], environment: variables, log: "\(folder)/log/\(name).log")
    }

    /// Of a role that was started; it may have ended.
    package func processIdentifier(of name: String) -> Int32? {
        processes[name]?.processIdentifier
    }

    /// SIGKILL: no time for anything.
    package func kill(_ name: String) async throws {
        try await processes.removeValue(forKey: name)?.kill()
    }

    /// Ends a role gently.
    package func stop(_ name: String) async throws {
        try await processes.removeValue(forKey: name)?.stop(within: .seconds(60))
    }

    /// The roles that have ended by themselves: none, if all is well.
    package func ended() async -> [String] {
        var names: [String] = []
        for (name, process) in processes where await !process.isRunning { names.append(name) }
        return names.sorted()
    }

    /// Ends the processes, then the servers.
    package func stop() async throws {
        for name in processes.keys.sorted() { try await stop(name) }
        try await rabbitMQ.stop()
        try await postgres.stop()
    }
}
