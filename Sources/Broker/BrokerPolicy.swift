import FoundationEssentials

/// What a policy of the broker says about the queues whose names it matches.
///
/// Policies can be changed at any time, but only through the broker's management API, its command line or its
/// definitions file, never over AMQP. So the product states the ones that it needs, in each of these forms, and
/// `doctor` compares.
package struct BrokerPolicy: Sendable, Hashable {
    /// A setting's value.
    package enum Value: Sendable, Hashable {
        case text(String)
        case number(Int)
    }

    /// Unique in its virtual host.
    package let name: String
    /// A regular expression over queue names.
    package let pattern: String
    /// Only the matching policy of the highest priority counts for a queue.
    package let priority: Int
    /// The policy's definition.
    package let settings: [String: Value]
    /// Which kinds of thing it is for, in the broker's word: `queues`, since 3.12 also `quorum_queues`, …
    package let applyTo: String

    package init(
        name: String, pattern: String, priority: Int, settings: [String: Value], applyTo: String = "queues"
    ) {
        self.name = name
        self.pattern = pattern
        self.priority = priority
        self.settings = settings
        self.applyTo = applyTo
    }

    /// The arguments of `rabbitmqctl` that set it.
    package var commandArguments: [String] {
        ["set_policy", "--apply-to", applyTo, "--priority", "\(priority)", name, pattern, Self.encode(settings)]
    }

    /// The whole command, for a person's shell.
    package var command: String {
        let quoted = commandArguments.map { argument in
            argument.contains { " {^$\\*".contains($0) } ? "'\(argument)'" : argument
        }
        return "rabbitmqctl \(quoted.joined(separator: " "))"
    }
}

extension BrokerTopology {
    /// How often a delivery may fail before it is dead-lettered; above 3.x's none and 4.x's 20, and the same
    /// everywhere.
    static let deliveryLimit = 50
    /// Below this a few rolling restarts under load could exhaust a message that nothing is wrong with.
    static let leastDeliveryLimit = 20
    /// For a queue that must never drop: as good as no limit, in a form that 3.10 accepts too.
    static let noDeliveryLimit = 1_000_000
    /// Messages of a queue; beyond it publishing is refused, and the outbox keeps them.
    static let lengthLimit = 1_000_000

    /// What the queues need besides being there.
    ///
    /// Step queues dead-letter at least once, which the broker grants only to quorum queues that refuse instead of
    /// dropping when full.
    ///
    /// The form for a version says what they are applied to; 3.10 knows nothing narrower than queues, which later ones
    /// still understand.
    package func policies(for capabilities: BrokerCapabilities = .oldest) -> [BrokerPolicy] {
        let target = capabilities.quorumPolicyTarget
        let escaped = prefix.replacing(".", with: "\\.")
        return [
            BrokerPolicy(
                name: "\(prefix)-steps", pattern: "^\(escaped)\\.steps\\.", priority: 10,
                settings: [
                    "dead-letter-exchange": .text(deadExchange), "dead-letter-strategy": .text("at-least-once"),
                    "overflow": .text("reject-publish"), "max-length": .number(Self.lengthLimit),
                    "delivery-limit": .number(Self.deliveryLimit),
                ], applyTo: target),
            BrokerPolicy(
                name: "\(prefix)-dead", pattern: "^\(escaped)\\.dead$", priority: 10,
                settings: [
                    "overflow": .text("reject-publish"), "max-length": .number(Self.lengthLimit),
                    "delivery-limit": .number(Self.noDeliveryLimit),
                ], applyTo: target),
        ]
    }

    /// The same in the form of the oldest version.
    package var policies: [BrokerPolicy] { policies(for: .oldest) }

    /// What is wrong with the policies found, in words that name the remedy; empty when they are as they should be.
    ///
    /// That is less than ``judge(_:by:)``, which sees what applies to a queue in the end.
    /// - Parameter found: all policies of the virtual host, as ``BrokerPolicy/decode(listing:)`` reads them.
    package func findings(found: [BrokerPolicy], for capabilities: BrokerCapabilities = .oldest) -> [String] {
        policies(for: capabilities).compactMap { wanted in
            let remedy = "Run: \(wanted.command)"
            guard let present = found.first(where: { $0.name == wanted.name }) else {
                return "Policy \(wanted.name) is missing: rejected steps would be dropped. \(remedy)"
            }
            var differing = wanted.settings.keys.filter { present.settings[$0] != wanted.settings[$0] }.sorted()
            if !["all", "queues", "quorum_queues"].contains(present.applyTo) { differing.insert("apply-to", at: 0) }
            if present.pattern != wanted.pattern { differing.insert("pattern", at: 0) }
            if differing.isEmpty { return nil }
            return "Policy \(wanted.name) differs in \(differing.joined(separator: ", ")). \(remedy)"
        }
    }
}

extension BrokerPolicy {
    private struct Listed: Decodable {
        let name: String
        let pattern: String
        let priority: Int
        let applyTo: String
        let definition: [String: Value]

        private enum CodingKeys: String, CodingKey {
            case name, pattern, priority, definition
            case applyTo = "apply-to"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            name = try container.decode(String.self, forKey: .name)
            pattern = try container.decode(String.self, forKey: .pattern)
            priority = try container.decode(Int.self, forKey: .priority)
            applyTo = try container.decodeIfPresent(String.self, forKey: .applyTo) ?? "all"
            // The command line writes the settings as text that holds JSON, the management API as JSON.
            if let text = try? container.decode(String.self, forKey: .definition) {
                definition = try JSONDecoder().decode([String: Value].self, from: Data(text.utf8))
            } else {
                definition = try container.decode([String: Value].self, forKey: .definition)
            }
        }
    }

    /// Reads what `rabbitmqctl list_policies --formatter json` or the management API's `/api/policies/<vhost>` answers.
    /// - Throws: `DecodingError` when it is something else.
    package static func decode(listing: String) throws -> [BrokerPolicy] {
        try JSONDecoder().decode([Listed].self, from: Data(listing.utf8)).map {
            BrokerPolicy(
                name: $0.name, pattern: $0.pattern, priority: $0.priority, settings: $0.definition, applyTo: $0.applyTo)
        }
    }

    static func encode(_ value: some Encodable, formatting: JSONEncoder.OutputFormatting = []) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        // Texts and numbers cannot fail to encode.
        return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

extension BrokerPolicy.Value: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else {
            // Settings of other kinds (true, lists) are compared with nothing of ours.
            self = .text("")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        }
    }
}

extension BrokerPolicy.Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    package init(stringLiteral value: String) {
        self = .text(value)
    }

    package init(integerLiteral value: Int) {
        self = .number(value)
    }
}
