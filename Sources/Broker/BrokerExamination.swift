package import RabbitMQ

/// What `rosterline doctor` asks the broker: what ``BrokerWatch`` looks at, in the same words, and more about its
/// version and the settings of the queues.
package enum BrokerExamination {
    /// One finding.
    package struct Finding: Sendable, Hashable {
        /// How bad it is.
        package enum Grade: String, Sendable {
            case well
            /// Worth knowing; nothing has to be done.
            case note
            case wrong
        }

        package let subject: String
        package let grade: Grade
        package let words: String
        /// Empty unless wrong.
        package let remedy: String

        package var isWell: Bool { grade != .wrong }

        package init(_ subject: String, _ grade: Grade, _ words: String, remedy: String = "") {
            self.subject = subject
            self.grade = grade
            self.words = words
            self.remedy = remedy
        }
    }

    /// Version, exchanges, queues, rights and alarms over AMQP; and the queues' settings, if there is somebody to ask.
    /// Changes nothing.
    /// - Parameter settings: asks the broker's management API for its queues; nil where there is none.
    package static func examine(
        _ configuration: RabbitMQConfiguration, topology: BrokerTopology,
        settings: (@Sendable () async throws -> [QueueDescription])? = nil
    ) async -> [Finding] {
        let use = BrokerUse(publishes: true, queues: topology.queues.map(\.name))
        let outcome = await BrokerLook(configuration, topology: topology, use: use, repairs: false).take()
        var findings = version(outcome.version) + found(outcome.sight)
        guard outcome.version != nil else { return findings }
        let capabilities = outcome.version.flatMap(BrokerCapabilities.init(version:)) ?? .oldest
        guard let settings else {
            let commands = topology.policies(for: capabilities).map { "\n       \($0.command)" }.joined()
            return findings + [
                Finding(
                    "policies", .note,
                    "not checked, since AMQP does not show them: set rabbitmq.managementUrl, or make sure of:\(commands)"
                )
            ]
        }
        do {
            findings += judged(topology, try await settings(), capabilities)
        } catch {
            findings.append(
                Finding(
                    "policies", .wrong, "could not be read: \(error)",
                    remedy: "Check rabbitmq.managementUrl and that its user has the tag 'management'."))
        }
        return findings
    }

    /// What the version is, and where it differs from the one that the product was tested with.
    static func version(_ version: String?) -> [Finding] {
        guard let version else { return [] }
        guard let capabilities = BrokerCapabilities(version: version) else {
            return [
                Finding(
                    "RabbitMQ", .wrong, "version \(version) has no reliable quorum queues",
                    remedy: "Use version 3.10 or newer.")
            ]
        }
        return [Finding("RabbitMQ", .well, "version \(version)")]
            + capabilities.remarks.map { Finding("RabbitMQ", .note, $0) }
    }

    private static func found(_ sight: TroubleHistory.Sight) -> [Finding] {
        if sight.troubles.isEmpty {
            return [
                Finding("queues", .well, "every exchange and queue is there"),
                Finding("publishing", .well, "the user may publish, and no alarm stops it"),
            ]
        }
        return sight.troubles.map { Finding("broker", .wrong, $0.words, remedy: $0.remedy) }
    }

    static func judged(
        _ topology: BrokerTopology, _ queues: [QueueDescription], _ capabilities: BrokerCapabilities
    ) -> [Finding] {
        let judgements = topology.judge(queues, by: capabilities)
        let findings = judgements.map {
            Finding("queue \($0.queue)", $0.isWrong ? .wrong : .note, $0.words, remedy: $0.isWrong ? $0.remedy : "")
        }
        if judgements.contains(where: \.isWrong) { return findings }
        return [Finding("policies", .well, "no setting of a queue can lose a message")] + findings
    }
}
