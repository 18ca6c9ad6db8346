import Jobs

/// What the settings of a queue would do to messages, by the rules of the broker's version; pure.
///
/// A doorbell that is lost costs no job, since the step's row is the truth; but the step then waits until it is rung
/// for again. So every setting that can lose one is refused, and what only surprises is a note.
extension BrokerTopology {
    /// One thing about a queue that a person should know.
    package struct Judgement: Sendable, Hashable {
        package let queue: String
        /// True: messages can get lost. False: a note.
        package let isWrong: Bool
        /// To follow the queue's name.
        package let words: String
        package let remedy: String
    }

    /// Judges the product's queues among those found; others are left alone, and one that is missing is not spoken of.
    package func judge(_ found: [QueueDescription], by capabilities: BrokerCapabilities) -> [Judgement] {
        let byName = Dictionary(found.map { ($0.name, $0) }) { first, _ in first }
        let remedies = policies(for: capabilities).map(\.command)
        let steps = routes.compactMap { byName[queue(for: $0.kind, version: $0.version)] }
        return steps.flatMap { queue in
            var judge = QueueJudge(queue, capabilities, remedy: remedies.first ?? "")
            judge.kindOfQueue()
            judge.overflow()
            judge.deadLettering(to: deadExchange)
            judge.expiry()
            judge.deliveryLimit(atLeast: Self.leastDeliveryLimit)
            judge.timeout()
            return judge.judgements
        }
            + [byName[deadQueue]].compactMap(\.self).flatMap { queue in
                var judge = QueueJudge(queue, capabilities, remedy: remedies.last ?? "")
                judge.kindOfQueue()
                judge.overflow()
                judge.expiry()
                // From here there is nowhere to go but away.
                judge.deliveryLimit(atLeast: Self.noDeliveryLimit)
                return judge.judgements
            }
    }

    /// The judgements that are wrong, as troubles.
    package func troubles(_ found: [QueueDescription], by capabilities: BrokerCapabilities) -> [BrokerTrouble] {
        judge(found, by: capabilities).filter(\.isWrong).map {
            .setting(queue: $0.queue, words: $0.words, remedy: $0.remedy)
        }
    }
}

/// Goes through the settings of one queue.
private struct QueueJudge {
    private let queue: QueueDescription
    private let capabilities: BrokerCapabilities
    private let remedy: String
    private(set) var judgements: [BrokerTopology.Judgement] = []

    init(_ queue: QueueDescription, _ capabilities: BrokerCapabilities, remedy: String) {
        self.queue = queue
        self.capabilities = capabilities
        let shadow = queue.policy.map { " Policy '\($0)' applies now; the one of the highest priority does." } ?? ""
        self.remedy = "Run: \(remedy).\(shadow)"
    }

    mutating func kindOfQueue() {
        guard queue.type != "quorum" else { return }
        add(
            "is a \(queue.type) queue, which keeps one copy and loses dead letters",
            remedy: "Stop the processes, delete the queue, run 'rosterline migrate'.")
    }

    mutating func overflow() {
        if text("overflow") != "reject-publish" {
            let limit = number("max-length") ?? number("max-length-bytes")
            add(
                limit == nil
                    ? "does not refuse when full (overflow), so dead letters are handed over without a confirm"
                    : "drops its oldest messages when full (overflow, max-length)")
        } else if number("max-length") == nil, number("max-length-bytes") == nil {
            add("has no max-length, so it may fill the broker's disk", isWrong: false)
        }
    }

    mutating func deadLettering(to exchange: String) {
        switch text("dead-letter-exchange") {
        case exchange: break
        case nil: add("has no dead-letter-exchange: what is put aside vanishes")
        case let other?: add("sends what is put aside to exchange '\(other)' instead of '\(exchange)'")
        }
        if text("dead-letter-strategy") != "at-least-once" {
            add("hands dead letters over at most once (dead-letter-strategy), so a broker that dies loses them")
        }
    }

    mutating func expiry() {
        if let limit = number("message-ttl") { add("gives messages up after \(limit) ms (message-ttl)") }
        if let limit = number("expires") { add("is deleted with all messages when unused for \(limit) ms (expires)") }
    }

    mutating func deliveryLimit(atLeast least: Int) {
        guard let limit = number("delivery-limit") else {
            // Nobody chose the broker's own limit, and it differs from version to version.
            if let limit = capabilities.defaultDeliveryLimit {
                add("has the broker's own limit of \(limit) deliveries (delivery-limit)")
            }
            return
        }
        // Since 4.0, -1 says that there is none.
        if limit < 0, capabilities.version.major >= 4 { return }
        if limit < least {
            add("gives a message up after \(limit) deliveries (delivery-limit), which restarts alone can bring about")
        }
    }

    mutating func timeout() {
        guard let limit = number("consumer-timeout"), limit < 60_000 else { return }
        add(
            "has a consumer-timeout of \(limit) ms; below a minute the broker promises nothing. Doorbells are "
                + "acknowledged as soon as they are claimed, so nothing is lost by it",
            isWrong: false)
    }

    private func text(_ name: String) -> String? {
        if case .text(let text) = queue.setting(name) { text } else { nil }
    }

    private func number(_ name: String) -> Int? {
        if case .number(let number) = queue.setting(name) { number } else { nil }
    }

    private mutating func add(_ words: String, isWrong: Bool = true, remedy: String? = nil) {
        judgements.append(
            BrokerTopology.Judgement(queue: queue.name, isWrong: isWrong, words: words, remedy: remedy ?? self.remedy))
    }
}
