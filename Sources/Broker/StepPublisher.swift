package import Jobs
package import Logging
package import RabbitMQ
import ServiceLifecycle

/// A doorbell to ring.
package struct StepPublication: Sendable {
    /// What it says; the step's name is the message's id, so a doorbell rung twice can be recognised.
    package let message: StepMessage

    package init(_ message: StepMessage) {
        self.message = message
    }
}

/// What became of a doorbell.
package enum StepPublicationOutcome: Sendable, Equatable {
    /// The broker has it on disk, in the queue of its kind.
    case sent
    /// It is not, or that is not known; ring again later.
    case unsent(BrokerError)
}

/// Rings doorbells: persistent, mandatory, confirmed, pipelined.
package final class StepPublisher: Service {
    private let topology: BrokerTopology
    private let publisher: RabbitMQPublisher

    /// Connects only once `run` is running.
    package init(
        configuration: RabbitMQConfiguration, topology: BrokerTopology,
        limits: RabbitMQPublisherLimits = RabbitMQPublisherLimits(), logger: Logger
    ) {
        self.topology = topology
        publisher = RabbitMQPublisher(configuration: configuration, limits: limits, logger: logger)
    }

    /// What can be said of the connection now.
    package var health: RabbitMQHealth { publisher.health }

    /// - Throws: `BrokerError` with `.unavailable` while nothing could be published.
    package func requireConnection() throws {
        let health = health
        guard health.status != .connected else { return }
        let reason = health.reason.map { " (\($0))" } ?? ""
        throw BrokerError(
            .unavailable, operation: "publish steps",
            remedy: "They wait in the outbox until the broker takes them again\(reason).", isTransient: true,
            detail: health.status.rawValue)
    }

    /// Keeps the connection up; see `RabbitMQPublisher.run()`.
    package func run() async throws {
        try await publisher.run()
    }

    /// Publishes a batch; the bigger, the cheaper for each. Cancelling stops the wait, not the messages.
    /// - Returns: one outcome for each publication, in the same order.
    /// - Throws: `BrokerError` when nothing was sent, or `CancellationError`.
    package func publish(_ publications: [StepPublication]) async throws -> [StepPublicationOutcome] {
        let messages = publications.map(message)
        let outcomes = try await BrokerError.wrapping { try await publisher.publish(messages) }
        return zip(publications, outcomes).map { outcome(of: $0.message, $1) }
    }

    private func message(_ publication: StepPublication) -> RabbitMQMessage {
        var headers: [String: RabbitMQValue] = [
            BrokerKeys.Header.schemaVersion: .integer(Int64(publication.message.version))
        ]
        if let traceParent = publication.message.traceParent {
            headers[BrokerKeys.Header.traceParent] = .string(traceParent)
        }
        var message = RabbitMQMessage(
            exchange: topology.stepExchange,
            routingKey: topology.routingKey(for: publication.message.kind, version: publication.message.version),
            body: MessageCodec.encode(publication.message), messageID: publication.message.step.description,
            contentType: BrokerKeys.contentType, headers: headers, type: BrokerKeys.messageType)
        message.properties.applicationID = BrokerKeys.applicationID
        return message
    }

    private func outcome(of message: StepMessage, _ outcome: PublishOutcome) -> StepPublicationOutcome {
        let operation = "publish \(message.kind.rawValue) step"
        let queue = topology.queue(for: message.kind, version: message.version)
        switch outcome {
        case .confirmed:
            return .sent
        case .returned(_, let text):
            return .unsent(
                BrokerError(
                    .unroutable, operation: operation,
                    remedy: "Create queue \(queue) and its binding; migrate does it.",
                    isTransient: false, detail: text))
        case .rejected:
            return .unsent(
                BrokerError(
                    .rejected, operation: operation,
                    remedy: "Start more workers for queue \(queue); it is full.",
                    isTransient: true))
        case .unknown(let error):
            return .unsent(BrokerError(error))
        }
    }
}
