import Broker
import FoundationEssentials
import Jobs
import LocalServers
import Logging
import NIOConcurrencyHelpers
import Postgres
import RabbitMQ
import Simulators
import Storage

/// One run of a scenario: its database, its queues, its processes, and what is known against it so far.
package final class ChaosTrial: Sendable {
    let scenario: Scenario
    let stage: ChaosStage
    let size: Scenario.Size
    let pace: ChaosPace
    /// Reaches the database without anything between.
    let database: PostgresConfiguration
    /// Reaches the broker without anything between.
    let broker: RabbitMQConfiguration
    let topology: BrokerTopology
    let pool: PostgresPool
    let processes: ChaosProcesses
    let folder: String

    private struct State {
        var result: ScenarioResult
        var generator: SplitMix64
        var begun: Set<JobID> = []
        /// How jobs of an integration may end; `completed` unless it says otherwise.
        var endings: [Int64: Set<String>] = [:]
        var expectsEffects = true
        /// How processes reach the servers.
        var route: Route
    }

    /// How processes reach the servers; the servers' own ports unless the scenario puts something between.
    struct Route: Sendable {
        var postgresPort: Int
        /// One or more of `host:port`, with commas.
        var brokers: String
        var brokerUser: String
        var brokerPassword: String
    }

    private let state: NIOLockedValueBox<State>
    private let begunAt = ContinuousClock.now

    private init(
        _ scenario: Scenario, on stage: ChaosStage, size: Scenario.Size, seed: UInt64, database: PostgresConfiguration
    ) {
        self.scenario = scenario
        self.stage = stage
        self.size = size
        self.database = database
        pace = ChaosPace(size)
        pool = PostgresPool(configuration: database, logger: stage.logger)
        broker = RabbitMQConfiguration(
            hosts: [.init(stage.rabbitMQ.host, port: stage.rabbitMQ.port)], user: stage.rabbitMQ.user,
            password: stage.rabbitMQ.password)
        var versions = BrokerTopology.currentVersions
        versions[.extract] = [1, 2]
        topology = BrokerTopology(prefix: database.database, versions: versions)
        folder = stage.folder + "/" + database.database
        processes = ChaosProcesses(logs: folder)
        state = NIOLockedValueBox(
            State(
                result: ScenarioResult(number: scenario.number, name: scenario.name),
                generator: SplitMix64(seed: seed &+ UInt64(scenario.number)),
                route: Route(
                    postgresPort: stage.postgres.port, brokers: "\(stage.rabbitMQ.host):\(stage.rabbitMQ.port)",
                    brokerUser: stage.rabbitMQ.user, brokerPassword: stage.rabbitMQ.password)))
    }

    /// Makes database, queues and folder.
    static func prepare(
        _ scenario: Scenario, on stage: ChaosStage, size: Scenario.Size, seed: UInt64
    ) async throws -> ChaosTrial {
        var database = PostgresConfiguration(
            host: stage.postgres.host, port: stage.postgres.port, database: "postgres", user: stage.postgres.user,
            tls: .disable, poolSize: 4)
        let name = "chaos_\(scenario.number)_\(UInt32.random(in: .min ... .max))"
        try await PostgresPool.withPool(database, logger: stage.logger) { pool in
            _ = try await pool.query(PostgresQuery(unescaped: "CREATE DATABASE \(name)"))
        }
        database.database = name
        let trial = ChaosTrial(scenario, on: stage, size: size, seed: seed, database: database)
        try FileManager.default.createDirectory(atPath: trial.folder, withIntermediateDirectories: true)
        try await trial.topology.create(trial.broker)
        return trial
    }

    /// Runs the body with the pool, and whatever it leaves running ends with it.
    func whileConnected(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [pool] in try await pool.run() }
            try await PostgresMigrator(migrations: StorageMigrations.all).apply(on: pool)
            try await history.install()
            do {
                try await body()
            } catch {
                expect(false, "it could not be carried through: \(error)")
            }
            await collect()
            await processes.killAll()
            for name in await processes.takeEnded() { expect(false, "\(name) ended by itself; see its log") }
            group.cancelAll()
        }
    }

    var history: HistoryStore { HistoryStore(pool) }

    /// Draws from the seed.
    func random(_ range: Range<Int>) -> Int {
        state.withLockedValue { Int.random(in: range, using: &$0.generator) }
    }

    /// Takes note of a breach, unless the condition holds.
    func expect(_ condition: Bool, _ words: @autoclosure () -> String) {
        guard !condition else { return }
        let words = words()
        state.withLockedValue { if $0.result.complaints.count < 50 { $0.result.complaints.append(words) } }
    }

    func note(_ words: String) {
        state.withLockedValue { $0.result.notes.append(words) }
    }

    /// Counts a fault.
    func countFault(_ count: Int = 1) {
        state.withLockedValue { $0.result.faults += count }
    }

    /// Faults so far.
    var faults: Int { state.withLockedValue(\.result.faults) }

    /// Jobs of this integration may end so.
    func allow(_ states: Set<String>, for integration: Int64) {
        state.withLockedValue { $0.endings[integration] = states }
    }

    /// The work is the product's own, which writes no effects into the history.
    func expectNoEffects() {
        state.withLockedValue { $0.expectsEffects = false }
    }

    /// Changes the way for processes that are started from now on.
    func lead(_ change: (inout Route) -> Void) {
        state.withLockedValue { change(&$0.route) }
    }

    var route: Route { state.withLockedValue(\.route) }

    func remember(_ jobs: [JobID]) {
        state.withLockedValue { state in
            state.begun.formUnion(jobs)
            state.result.jobs = state.begun.count
        }
    }

    /// Draws job ids; they are the same for the same seed, but for the time in them.
    func drawJobs(_ count: Int) -> [JobID] {
        state.withLockedValue { state in (0..<count).map { _ in JobID(at: Date(), using: &state.generator) } }
    }
}

extension ChaosTrial {
    /// Reads the history and the tables, and judges them.
    private func collect() async {
        do {
            let events = try await patiently { try await history.events() }
            let endings = try await jobEndings()
            let tickets = try await patiently { try await count("SELECT count(*)::int FROM outbox") }
            state.withLockedValue { state in
                state.result.figures = HistoryFigures(of: events)
                let violations = HistoryChecker.violations(in: events, expectsEffects: state.expectsEffects)
                state.result.doubled = Set(violations.map(\.detail)).count
                state.result.complaints += violations.prefix(20).map(\.description)
                let lost = state.begun.filter { job in
                    guard let ending = endings[job] else { return true }
                    return !(state.endings[ending.integration] ?? ["completed"]).contains(ending.state)
                }
                state.result.lost = lost.count
                state.result.complaints += lost.prefix(10).map { job in
                    "\(HistoryChecker.Rule.lost.rawValue): \(job) is \(endings[job]?.state ?? "nowhere")"
                }
                if lost.isEmpty, tickets > 0 {
                    state.result.complaints.append("\(HistoryChecker.Rule.ticket.rawValue): \(tickets)")
                }
            }
            if !currentResult.hasPassed { try keep(events) }
        } catch {
            expect(false, "the history could not be read: \(error)")
        }
    }

    private func jobEndings() async throws -> [JobID: (integration: Int64, state: String)] {
        let rows = try await patiently { try await pool.query("SELECT id, integration_id, state FROM job") }
        return try rows.reduce(into: [:]) { endings, row in
            let (job, integration, state) = try row.decode((UUID.self, Int64.self, String.self))
            endings[JobID(job)] = (integration, state)
        }
    }

    private func keep(_ events: [HistoryEvent]) throws {
        try HistoryStore.text(events).write(toFile: folder + "/history.tsv", atomically: true, encoding: .utf8)
        state.withLockedValue { $0.result.kept = folder }
    }

    private var currentResult: ScenarioResult { state.withLockedValue(\.result) }

    /// The result; what is no longer needed is removed.
    func conclude() async -> ScenarioResult {
        state.withLockedValue { $0.result.seconds = (ContinuousClock.now - begunAt) / .seconds(1) }
        let result = currentResult
        try? await topology.delete(broker)
        if result.hasPassed {
            try? FileManager.default.removeItem(atPath: folder)
            var configuration = database
            configuration.database = "postgres"
            // What cannot be dropped vanishes with the server.
            try? await PostgresPool.withPool(configuration, logger: stage.logger) { pool in
                _ = try await pool.query(
                    PostgresQuery(unescaped: "DROP DATABASE \(database.database) WITH (FORCE)"))
            }
        }
        return result
    }
}
