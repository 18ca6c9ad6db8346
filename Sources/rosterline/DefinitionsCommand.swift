import ArgumentParser
import Broker
import RabbitMQ

/// Prints what the broker needs beyond exchanges and queues.
struct DefinitionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "definitions",
        abstract:
            "Prints the broker's policies (dead letters, limits) as a definitions file for 'rabbitmqctl import_definitions'.",
        discussion: "Policies cannot be set over AMQP; without them a message that is put aside is lost.")

    func run() async throws {
        let cluster = try await Cluster(role: "definitions")
        print(try cluster.topology().definitions(virtualHost: cluster.rabbitMQ("definitions").virtualHost))
    }
}
