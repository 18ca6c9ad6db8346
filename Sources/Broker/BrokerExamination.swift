import Logging
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

    /// Version, queues, and whether a doorbell would get in: alarms and missing permissions show when one is published
    /// that no queue wants, so nothing is left behind.
    ///
    /// - Throws: `RabbitMQError` if there is no connection to be had.
    package static func examine(
        _ configuration: RabbitMQConfiguration, topology: BrokerTopology
    ) async throws -> [Finding] {
        let version = try await RabbitMQAdministration.with(configuration) { await $0.serverVersion ?? "?" }
        let missing = try await topology.missing(configuration)
        var findings = [
            isKnown(version)
                ? Finding(subject: "RabbitMQ", isWell: true, words: "version \(version)", remedy: "")
                : Finding(
                    subject: "RabbitMQ", isWell: false, words: "version \(version) has no reliable quorum queues",
                    remedy: "Use version 3.10 or newer.")
        ]
        findings.append(
            Finding(
                subject: "queues", isWell: missing.isEmpty,
                words: missing.isEmpty
                    ? "every exchange and queue is there" : "missing: \(missing.joined(separator: ", "))",
                remedy: "Run 'rosterline migrate'."))
        if missing.isEmpty { findings.append(await publishing(configuration, topology)) }
        return findings
    }

    /// 3.10 is the first version whose quorum queues know a message's time to live.
    static func isKnown(_ version: String) -> Bool {
        let parts = version.split(separator: ".").prefix(2).compactMap { Int($0) }
        guard parts.count == 2 else { return false }
        return (parts[0], parts[1]) >= (3, 10)
    }

    private static func publishing(_ configuration: RabbitMQConfiguration, _ topology: BrokerTopology) async -> Finding
    {
        var limits = RabbitMQPublisherLimits()
        limits.blockedTimeout = .seconds(5)
        limits.confirmTimeout = .seconds(5)
        let publisher = RabbitMQPublisher(
            configuration: configuration, limits: limits,
            logger: Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() })
        let outcome = await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await publisher.run() }
            defer { group.cancelAll() }
            return await probe(publisher, topology)
        }
        return outcome
    }

    private static func probe(_ publisher: RabbitMQPublisher, _ topology: BrokerTopology) async -> Finding {
        let message = RabbitMQMessage(exchange: topology.stepExchange, routingKey: "doctor", body: [])
        func wrong(_ error: RabbitMQError) -> Finding {
            Finding(subject: "publishing", isWell: false, words: "\(error)", remedy: error.remedy)
        }
        do {
            switch try await publisher.publish([message]).first {
            case .unknown(let error): return wrong(error)
            case .rejected:
                return Finding(
                    subject: "publishing", isWell: false, words: "the broker refused a message",
                    remedy: "Read the broker's log.")
            default:
                return Finding(
                    subject: "publishing", isWell: true, words: "the user may publish, and no alarm stops it",
                    remedy: "")
            }
        } catch let error as RabbitMQError {
            return wrong(error)
        } catch {
            return Finding(subject: "publishing", isWell: false, words: "\(error)", remedy: "Read the broker's log.")
        }
    }
}
