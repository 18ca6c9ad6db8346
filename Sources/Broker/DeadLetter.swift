package import FoundationEssentials
package import Jobs
package import RabbitMQ

/// A message that its queue gave up, and why.
package struct DeadLetter: Sendable {
    /// Why the broker moved a message here.
    package enum Reason: Sendable, Hashable {
        /// A worker could not read it.
        case rejected
        /// It was delivered more often than the queue's policy allows, and never acknowledged.
        case deliveryLimit
        /// It waited longer than the queue allows; no policy of ours sets such a limit.
        case expired
        /// Its queue was full; no policy of ours drops then.
        case queueLength
        /// In the broker's word. `unknown`: published straight into the dead letters, by somebody else.
        case other(String)
    }

    /// How often the message died of one cause in one queue.
    package struct Death: Sendable, Hashable {
        /// Where.
        package let queue: String
        /// Of what.
        package let reason: Reason
        /// How often; 1 to 1 000 000 000.
        package let count: Int64
        /// When for the first time, by the broker's clock, in whole seconds.
        package let firstAt: Date?
    }

    /// What the message was.
    package enum Content: Sendable, Hashable {
        /// A doorbell that can be read; its truth is the step's row.
        case step(StepMessage)
        /// Anything else: why it is no step message, its first 4 KiB, and how long it was. Somebody else wrote these
        /// bytes, so they may hold anything: show them to operators only, and never log them.
        case unreadable(MessageError, head: [UInt8], byteCount: Int)
    }

    /// The publisher's id: the number of the outbox row, if the message was ours.
    package let messageID: String?
    /// The queue that it died in last; empty if the broker does not say.
    package let queue: String
    /// Of what it died last.
    package let reason: Reason
    /// Every cause in every queue, the latest first; at most 16.
    package let deaths: [Death]
    /// What it was.
    package let content: Content
    /// For settling it.
    package let delivery: RabbitMQDelivery

    /// When it died first, by the broker's clock; nil if the broker does not say.
    package var firstDeathAt: Date? { deaths.compactMap(\.firstAt).min() }
    /// How often it died, of all causes together.
    package var deathCount: Int64 { deaths.reduce(0) { $0 + $1.count } }
}

extension DeadLetter {
    private static let headLimitBytes = 4096
    private static let deathLimit = 16
    private static let countLimit: Int64 = 1_000_000_000
    /// The end of the year 9999.
    private static let latestSeconds: UInt64 = 253_402_300_799
    private static let wordLimit = 255

    /// Reads a delivery of the dead-letter queue; whatever it is, it becomes a letter.
    package init(_ delivery: RabbitMQDelivery) {
        self.delivery = delivery
        messageID = delivery.messageID.map(Self.clean)
        deaths = Self.deaths(delivery.headers["x-death"])
        // The broker keeps these two for the first death only, so the latest comes from the list.
        queue = deaths.first?.queue ?? delivery.headers["x-first-death-queue"]?.text.map(Self.clean) ?? ""
        reason =
            deaths.first?.reason
            ?? Reason(word: delivery.headers["x-first-death-reason"]?.text.map(Self.clean) ?? "unknown")
        do throws(MessageError) {
            content = .step(try MessageCodec.decode(delivery.body))
        } catch {
            content = .unreadable(
                error, head: Array(delivery.body.prefix(Self.headLimitBytes)), byteCount: delivery.body.count)
        }
    }

    private static func deaths(_ header: RabbitMQValue?) -> [Death] {
        guard case .array(let entries) = header else { return [] }
        return entries.prefix(deathLimit).compactMap { entry in
            guard case .table(let table) = entry, let queue = table["queue"]?.text else { return nil }
            var firstAt: Date?
            if case .timestamp(let seconds) = table["time"], seconds <= latestSeconds {
                firstAt = Date(timeIntervalSince1970: Double(seconds))
            }
            return Death(
                queue: clean(queue), reason: Reason(word: table["reason"]?.text.map(clean) ?? "unknown"),
                count: min(max(1, table["count"]?.number ?? 1), countLimit), firstAt: firstAt)
        }
    }

    /// As no column may hold it: whoever may publish here can write anything into a header.
    private static func clean(_ word: String) -> String {
        String(word.unicodeScalars.lazy.map { $0 == "\0" ? "\u{FFFD}" : Character($0) }.prefix(wordLimit))
    }
}

extension DeadLetter.Reason {
    /// The broker's word for it, as in `x-death`.
    package init(word: String) {
        switch word {
        case "rejected": self = .rejected
        case "delivery_limit": self = .deliveryLimit
        case "expired": self = .expired
        case "maxlen": self = .queueLength
        default: self = .other(word)
        }
    }

    /// The broker's word for it; fit for a column.
    package var word: String {
        switch self {
        case .rejected: "rejected"
        case .deliveryLimit: "delivery_limit"
        case .expired: "expired"
        case .queueLength: "maxlen"
        case .other(let word): word
        }
    }
}
