import Logging
package import RabbitMQ

/// What a process does with the broker, and so what it needs there.
package struct BrokerUse: Sendable, Hashable {
    /// Whether it rings doorbells.
    package let publishes: Bool
    /// The queues that it hears.
    package let queues: [String]

    package init(publishes: Bool = false, queues: [String] = []) {
        self.publishes = publishes
        self.queues = queues
    }
}

/// One look at the broker, over a connection of its own: only a new login shows that the password has changed, and only
/// a new channel that a right is gone, since both are checked but once for those that are open.
///
/// Everything it does leaves the queues as they are. A right to read is asked for only where a queue is empty, as a
/// message that is looked at counts as delivered; a worker's queues are empty most of the time.
package struct BrokerLook: Sendable {
    private static let probeLimit = Duration.seconds(3)
    /// No queue is bound for it.
    private static let probeKey = "nobody"

    private let configuration: RabbitMQConfiguration
    private let topology: BrokerTopology
    private let use: BrokerUse
    private let repairs: Bool

    /// - Parameters:
    ///   - configuration: its `connectTimeout` bounds each question.
    ///   - repairs: whether to create what is missing, if the user may.
    package init(_ configuration: RabbitMQConfiguration, topology: BrokerTopology, use: BrokerUse, repairs: Bool) {
        self.configuration = configuration
        self.topology = topology
        self.use = use
        self.repairs = repairs
    }

    /// What the look found out.
    package struct Outcome: Sendable {
        /// What is the matter, and what was.
        package var sight = TroubleHistory.Sight()
        /// As `3.10.8`; nil without a connection.
        package var version: String?
        /// Whether the user may bind queues, as far as that was tried.
        package var mayBind = true
    }

    /// Looks; takes as long as the broker needs for some ten questions, milliseconds when all is well.
    /// - Parameter rebinds: whether to bind every queue again. AMQP cannot say whether a binding is there, and binding
    ///   twice changes nothing; but a user who may not do it leaves an error in the broker's log each time.
    package func take(rebinds: Bool = false) async -> Outcome {
        var outcome = Outcome()
        let broker: RabbitMQAdministration
        do {
            broker = try await RabbitMQAdministration.connect(configuration)
        } catch {
            outcome.sight = TroubleHistory.Sight(troubles: [connectionTrouble(error)], isWhole: false)
            return outcome
        }
        outcome.version = await broker.serverVersion
        do {
            let depths = try await inspect(broker, &outcome.sight)
            if rebinds, repairs { outcome.mayBind = try await bind(broker) }
            // Last, since each of these may cost the connection.
            let isOpen = try await checkReading(broker, depths: depths, &outcome.sight)
            outcome.sight.isWhole = isOpen
            if isOpen, use.publishes { try await checkWriting(broker, &outcome.sight) }
        } catch {
            outcome.sight.isWhole = false
            outcome.sight.troubles.append(trouble(error))
        }
        await broker.close()
        return outcome
    }

    private func inspect(
        _ broker: RabbitMQAdministration, _ sight: inout TroubleHistory.Sight
    ) async throws -> [String: RabbitMQQueueDepth] {
        var depths: [String: RabbitMQQueueDepth] = [:]
        var missing: [BrokerTrouble] = []
        for exchange in topology.exchanges {
            if try await Self.found({ try await broker.inspect(exchange: exchange.name) }) == nil {
                missing.append(.exchangeMissing(name: exchange.name))
            }
        }
        for queue in topology.queues {
            depths[queue.name] = try await Self.found { try await broker.inspect(queue: queue.name) }
            if depths[queue.name] == nil { missing.append(.queueMissing(name: queue.name)) }
        }
        // Told whatever becomes of the repair: one that breaks off may have made what the next look then finds.
        sight.troubles += missing
        guard repairs, !missing.isEmpty else { return depths }
        do {
            try await topology.create(over: broker)
            sight.troubles.removeAll(where: missing.contains)
            sight.repaired += missing
        } catch let error as RabbitMQError where error.code == .accessRefused {
            sight.troubles.append(.mayNotConfigure(names: missing.compactMap(\.name)))
        } catch let error as RabbitMQError where error.code == .preconditionFailed {
            sight.troubles.append(
                .declaredOtherwise(name: error.operation.split(separator: " ").last.map(String.init) ?? ""))
        }
        return depths
    }

    private func checkReading(
        _ broker: RabbitMQAdministration, depths: [String: RabbitMQQueueDepth], _ sight: inout TroubleHistory.Sight
    ) async throws -> Bool {
        for queue in use.queues where depths[queue]?.messages == 0 {
            do {
                guard try await broker.checkReading(queue: queue) else { return false }
            } catch let error as RabbitMQError where error.code == .accessRefused {
                sight.troubles.append(.mayNotRead(queue: queue))
            } catch let error as RabbitMQError where error.code == .notFound {
                // Deleted this moment; the next look will say so.
                continue
            }
        }
        return true
    }

    private func bind(_ broker: RabbitMQAdministration) async throws -> Bool {
        do {
            for binding in topology.bindings { try await broker.bind(binding) }
            return true
        } catch let error as RabbitMQError where error.code == .accessRefused {
            return false
        } catch let error as RabbitMQError where error.code == .notFound {
            // Something is missing, which the look has said already.
            return true
        }
    }

    private func checkWriting(_ broker: RabbitMQAdministration, _ sight: inout TroubleHistory.Sight) async throws {
        let exchange = topology.stepExchange
        guard !sight.troubles.contains(.exchangeMissing(name: exchange)) else { return }
        do {
            switch try await broker.probe(exchange: exchange, routingKey: Self.probeKey, within: Self.probeLimit) {
            case .accepted: break
            case .blocked(let reason): sight.troubles.append(.alarm(reason: reason))
            case .unanswered:
                sight.troubles.append(
                    .other(
                        words: "the broker did not confirm a message within 3 s",
                        remedy: "Check the broker's load and disk."))
            }
        } catch let error as RabbitMQError where error.code == .accessRefused {
            sight.troubles.append(.mayNotWrite(exchange: exchange))
        } catch let error as RabbitMQError where error.code == .notFound {
            sight.troubles.append(.exchangeMissing(name: exchange))
        }
    }

    private func connectionTrouble(_ error: any Error) -> BrokerTrouble {
        switch (error as? RabbitMQError)?.code {
        case .authenticationFailed: .passwordRefused
        case .accessRefused: .virtualHostRefused(name: configuration.virtualHost)
        default: trouble(error)
        }
    }

    private func trouble(_ error: any Error) -> BrokerTrouble {
        guard let error = error as? RabbitMQError else {
            return .other(words: "\(type(of: error))", remedy: "Read the log of this process.")
        }
        return error.isTransient || error.code == .tlsFailed
            ? .unreachable(words: "could not \(error.sentence)", remedy: error.remedy)
            : .other(words: "could not \(error.sentence)", remedy: error.remedy)
    }

    private static func found<Result: Sendable>(_ ask: () async throws -> Result) async throws -> Result? {
        do {
            return try await ask()
        } catch let error as RabbitMQError where error.code == .notFound {
            return nil
        }
    }
}

extension BrokerTrouble {
    fileprivate var name: String? {
        switch self {
        case .exchangeMissing(let name): "exchange \(name)"
        case .queueMissing(let name): "queue \(name)"
        default: nil
        }
    }
}
