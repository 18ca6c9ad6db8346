import Broker
import FoundationEssentials
import Glibc
import Jobs
import LocalServers
import Postgres
import Storage

extension ChaosTrial {
    /// What a process of the product gets told; `settings` by their names without `ROSTERLINE_`.
    func environment(_ settings: [String: String]) -> [String] {
        let route = route
        var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("ROSTERLINE_") }
        variables["ROSTERLINE_POSTGRES_URL"] =
            "postgres://\(database.user)@\(stage.postgres.host):\(route.postgresPort)"
            + "/\(database.database)?sslmode=disable"
        variables["ROSTERLINE_RABBITMQ_URL"] =
            "amqp://\(route.brokerUser):\(route.brokerPassword)@\(route.brokers)"
        // A toy that aborts on purpose is gone at once, and not after it has told of each thread.
        variables["SWIFT_BACKTRACE"] = "enable=no"
        variables["CHAOS_TOKEN"] = "simulator-token"
        variables["ROSTERLINE_RABBITMQ_PREFIX"] = topology.prefix
        for (name, value) in settings { variables["ROSTERLINE_" + name] = value }
        return variables.map { "\($0.key)=\($0.value)" }
    }

    /// Starts a role of the product as it is.
    func start(_ role: String, as name: String, settings: [String: String]) async throws {
        try await processes.start(
            name, [stage.product, role], environment: environment(["LOG_FORMAT": "text"].merging(settings) { $1 }))
    }

    /// Starts the product's scheduler, which also dispatches and keeps the tables.
    func startScheduler(_ name: String = "scheduler", settings: [String: String] = [:]) async throws {
        try await start(
            "scheduler", as: name,
            settings: [
                "DISPATCHER_INTERVAL_SECONDS": pace.dispatcher.secondsText,
                "DISPATCHER_SILENCE_SECONDS": pace.silence.secondsText,
                // What is rescued goes to the end of the broker's queue, so that must not be long.
                "DISPATCHER_WINDOW": "200", "RABBITMQ_WATCH_SECONDS": size == .long ? "5" : "1",
                "MAINTENANCE_INTERVAL_SECONDS": pace.maintenance.secondsText,
                "MAINTENANCE_CANCEL_SECONDS": pace.cancel.secondsText,
                "MAINTENANCE_PATIENCE_SECONDS": pace.patience.secondsText,
            ].merging(settings) { $1 })
    }

    /// Starts a toy worker; its name is its owner's name in the history.
    func startWorker(
        _ name: String, slots: Int, lease: Duration? = nil, drain: Duration? = nil, prefetch: Int = 64,
        versions: String = "1"
    ) async throws {
        try await processes.start(
            name,
            [
                stage.program, "worker", "--name", name, "--slots", "\(slots)", "--prefetch", "\(prefetch)",
                "--lease", (lease ?? pace.lease).secondsText, "--drain", (drain ?? pace.drain).secondsText,
                "--retry", pace.retry.secondsText, "--versions", versions,
                "--hand-back", pace.handBack.secondsText,
            ], environment: environment([:]))
    }

    /// Starts workers `worker1`, `worker2` …
    func startWorkers(_ count: Int, slots: Int, lease: Duration? = nil) async throws {
        for index in 1...count { try await startWorker("worker\(index)", slots: slots, lease: lease) }
    }

    /// Kills a worker, writes that down, and starts one in its place with a name of its own.
    func replace(_ victim: String, with name: String, slots: Int) async throws {
        let moment = Date()
        try await processes.kill(victim)
        countFault()
        try await patiently { try await history.killed(victim, at: moment) }
        try await startWorker(name, slots: slots)
    }

    /// Freezes a process, its threads and all.
    func freeze(_ name: String) async throws {
        let moment = Date()
        await processes.signal(name, SIGSTOP)
        countFault()
        try await history.killed(name, at: moment)
    }

    /// Lets a frozen process go on.
    func thaw(_ name: String) async {
        await processes.signal(name, SIGCONT)
    }

    /// Runs a subcommand of the product to its end.
    func run(_ arguments: [String]) async throws -> (status: Int32, output: String) {
        try await LocalServerProcess.run(
            [stage.product] + arguments, environment: environment(["LOG_FORMAT": "text"]), within: .seconds(120))
    }

    /// Whether a process has written this.
    func log(of name: String, holds text: String) -> Bool {
        (try? String(contentsOfFile: processes.log(of: name), encoding: .utf8))?.contains(text) ?? false
    }
}
