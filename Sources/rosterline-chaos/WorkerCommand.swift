import ArgumentParser
import Broker
import Chaos
import Foundation
import Jobs
import Logging
import Postgres
import RabbitMQ
import Worker

/// One toy worker process; the scenarios start and hurt it.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "The real worker around toy work; started by the scenarios.",
        shouldDisplay: false)

    @Option(help: "Its name in leases and in the history.")
    var name: String
    @Option var slots = 4
    @Option var prefetch = 64
    @Option(help: "Seconds.") var lease = 30.0
    @Option(help: "Seconds.") var drain = 25.0
    @Option(help: "Seconds.") var retry = 15.0
    @Option(help: "Seconds.") var handBack = 5.0
    @Option(help: "Versions of extract messages, with commas.") var versions = "1"

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let environment = ProcessInfo.processInfo.environment
        func variable(_ name: String) throws -> String {
            guard let value = environment["ROSTERLINE_" + name] else {
                throw ValidationError("ROSTERLINE_\(name) is not set; the scenarios start this command.")
            }
            return value
        }
        var database = try PostgresConfiguration(url: variable("POSTGRES_URL"))
        database.poolSize = 4
        database.applicationName = name
        var broker = try RabbitMQConfiguration(url: variable("RABBITMQ_URL"))
        broker.connectionName = name
        try await ToyWorker(
            database: database, broker: broker, topology: BrokerTopology(prefix: variable("RABBITMQ_PREFIX")),
            worker: WorkerConfiguration(
                name: name, slots: slots, lease: .seconds(lease), drain: .seconds(drain), handBack: .seconds(handBack),
                retries: RetryPolicy(firstDelay: .seconds(retry), longestDelay: .seconds(retry * 10))),
            prefetch: UInt16(prefetch), versions: versions.split(separator: ",").compactMap { Int16($0) }
        ).run(logger: Logger(label: name))
    }
}
