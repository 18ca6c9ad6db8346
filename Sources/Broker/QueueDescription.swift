import FoundationEssentials

/// A queue as the broker's management API describes it: what it was declared with, and what policies make of it.
package struct QueueDescription: Sendable, Hashable {
    package let name: String
    /// `quorum`, `classic` or `stream`.
    package let type: String
    /// The policy that applies; only one does, the one of the highest priority.
    package let policy: String?
    /// What policy and operator policy come to together.
    package let settings: [String: BrokerPolicy.Value]
    /// What it was declared with, as `x-…`.
    package let arguments: [String: BrokerPolicy.Value]

    package init(
        name: String, type: String, policy: String? = nil, settings: [String: BrokerPolicy.Value] = [:],
        arguments: [String: BrokerPolicy.Value] = [:]
    ) {
        self.name = name
        self.type = type
        self.policy = policy
        self.settings = settings
        self.arguments = arguments
    }

    /// What counts of a setting: arguments go before policies; of two limits the smaller one counts.
    package func setting(_ name: String) -> BrokerPolicy.Value? {
        let argument = arguments["x-\(name)"]
        if case .number(let own) = argument, case .number(let common) = settings[name] {
            return .number(min(own, common))
        }
        return argument ?? settings[name]
    }

    /// The queues by what the broker has in its own tables, where that is certain: a queue tells of itself every five
    /// seconds, and of a new policy only the second time.
    ///
    /// - Parameters:
    ///   - queues: as they told of themselves.
    ///   - assigned: the virtual host's queues without what they told, which names the policy that applies to each. No
    ///     version documents that, so that a queue has none is believed only where one of its type has one.
    ///   - policies: all of the virtual host.
    package static func refreshed(
        _ queues: [QueueDescription], assigned: [QueueDescription], policies: [BrokerPolicy]
    ) -> [QueueDescription] {
        let tellingTypes = Set(assigned.filter { $0.policy != nil }.map(\.type))
        return queues.map { queue in
            guard let now = assigned.first(where: { $0.name == queue.name }),
                policies.isEmpty || tellingTypes.contains(now.type)
            else { return queue }
            let policy = policies.first { $0.name == now.policy }
            // One that is gone from one answer and not yet from the other says nothing.
            guard policy != nil || now.policy == nil else { return queue }
            return QueueDescription(
                name: queue.name, type: queue.type, policy: policy?.name, settings: policy?.settings ?? [:],
                arguments: queue.arguments)
        }
    }

    /// The columns of the management API that are needed, for its parameter `columns`.
    package static let columns = "name,type,arguments,policy,effective_policy_definition"

    /// Reads what the management API's `/api/queues/<vhost>` answers.
    /// - Throws: `DecodingError` when it is something else.
    package static func decode(listing: [UInt8]) throws -> [QueueDescription] {
        try JSONDecoder().decode([Listed].self, from: Data(listing)).map(\.description)
    }

    private struct Listed: Decodable {
        let description: QueueDescription

        private enum CodingKeys: String, CodingKey {
            case name, type, policy, arguments
            case settings = "effective_policy_definition"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            // Where nothing is set the broker writes an empty list instead of an empty object.
            func table(_ key: CodingKeys) -> [String: BrokerPolicy.Value] {
                (try? container.decode([String: BrokerPolicy.Value].self, forKey: key)) ?? [:]
            }
            let arguments = table(.arguments)
            var type = try container.decodeIfPresent(String.self, forKey: .type)
            if type == nil, case .text(let argument) = arguments["x-queue-type"] { type = argument }
            description = QueueDescription(
                name: try container.decode(String.self, forKey: .name), type: type ?? "classic",
                policy: try? container.decode(String.self, forKey: .policy), settings: table(.settings),
                arguments: arguments)
        }
    }
}
