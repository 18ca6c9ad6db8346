import ArgumentParser
import Broker
import RabbitMQ

/// Prints what the broker needs beyond exchanges and queues.
struct DefinitionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "definitions",
        abstract:
            "Prints the broker's policies (dead letters, limits) as a definitions file for 'rabbitmqctl import_definitions'.",
        discussion:
            """
            Policies cannot be set over AMQP; without them a message that is put aside is lost. A broker may also load them \
            at each start ('load_definitions' in rabbitmq.conf): docker/rabbitmq-definitions.json is what --policies prints.
            """)

    @Option(name: .customLong("for"), help: "The broker's version, 3.10 or newer; what 3.10 takes, all take.")
    var version = "3.10"

    @Flag(help: "Only the policies, for a file that the broker loads at each start.")
    var policies = false

    func run() async throws {
        guard let capabilities = BrokerCapabilities(version: version) else {
            throw ValidationError("'\(version)' is no version of RabbitMQ from 3.10 on. Give it as 4.1.")
        }
        let cluster = try await Cluster(role: "definitions")
        let virtualHost = try cluster.rabbitMQ("definitions").virtualHost
        print(
            try cluster.topology().definitions(
                virtualHost: virtualHost, for: capabilities, policiesOnly: policies))
    }
}
