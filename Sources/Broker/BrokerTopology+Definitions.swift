import FoundationEssentials
import RabbitMQ

extension BrokerTopology {
    private struct Definitions: Encodable {
        /// Nil, and so left out, where the file is about policies alone.
        let exchanges: [Exchange]?
        let queues: [Queue]?
        let bindings: [Binding]?
        let policies: [Policy]
    }

    private struct Exchange: Encodable {
        let name: String
        let vhost: String
        let type: String
        let durable = true
        let autoDelete = false
        let isInternal = false
        let arguments: [String: String] = [:]

        private enum CodingKeys: String, CodingKey {
            case name, vhost, type, durable
            case autoDelete = "auto_delete"
            case isInternal = "internal"
            case arguments
        }
    }

    private struct Queue: Encodable {
        let name: String
        let vhost: String
        let durable = true
        let autoDelete = false
        let arguments = ["x-queue-type": "quorum"]

        private enum CodingKeys: String, CodingKey {
            case name, vhost, durable
            case autoDelete = "auto_delete"
            case arguments
        }
    }

    private struct Binding: Encodable {
        let source: String
        let vhost: String
        let destination: String
        let destinationType = "queue"
        let routingKey: String
        let arguments: [String: String] = [:]

        private enum CodingKeys: String, CodingKey {
            case source, vhost, destination
            case destinationType = "destination_type"
            case routingKey = "routing_key"
            case arguments
        }
    }

    private struct Policy: Encodable {
        let name: String
        let vhost: String
        let pattern: String
        let applyTo: String
        let priority: Int
        let definition: [String: BrokerPolicy.Value]

        private enum CodingKeys: String, CodingKey {
            case name, vhost, pattern
            case applyTo = "apply-to"
            case priority, definition
        }
    }

    /// Topology and policies as a definitions file, which the broker imports at boot, by `rabbitmqctl
    /// import_definitions`, or through its management API. Importing it twice changes nothing.
    ///
    /// - Parameter policiesOnly: for a file that is loaded at every start. A queue that a booting node makes lives on
    ///   that node alone, though its cluster may have three; policies are the same wherever they come from.
    /// - SeeAlso: https://www.rabbitmq.com/docs/definitions
    package func definitions(
        virtualHost: String, for capabilities: BrokerCapabilities = .oldest, policiesOnly: Bool = false
    ) -> String {
        let all = Definitions(
            exchanges: exchanges.map { Exchange(name: $0.name, vhost: virtualHost, type: $0.kind.rawValue) },
            queues: queues.map { Queue(name: $0.name, vhost: virtualHost) },
            bindings: bindings.map {
                Binding(source: $0.exchange, vhost: virtualHost, destination: $0.queue, routingKey: $0.routingKey)
            }, policies: policies(virtualHost, capabilities))
        let only = Definitions(exchanges: nil, queues: nil, bindings: nil, policies: all.policies)
        return BrokerPolicy.encode(policiesOnly ? only : all, formatting: .prettyPrinted)
    }

    private func policies(_ virtualHost: String, _ capabilities: BrokerCapabilities) -> [Policy] {
        policies(for: capabilities).map {
            Policy(
                name: $0.name, vhost: virtualHost, pattern: $0.pattern, applyTo: $0.applyTo, priority: $0.priority,
                definition: $0.settings)
        }
    }
}
