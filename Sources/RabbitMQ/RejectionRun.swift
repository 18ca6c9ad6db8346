/// How long a publisher's messages have been refused, place by place; pure.
///
/// A full queue refuses, and is right to. But a broker in a cluster may refuse for ever on a channel that was opened in
/// the moment in which a quorum queue had lost its leader: the channel remembers the dead node and asks nobody else
/// (seen with 3.10.8). Only another channel helps, so after a while of nothing but refusals the connection is renewed:
/// early enough for the one, seldom enough for the other.
struct RejectionRun: Sendable {
    /// Where a message was to go.
    struct Place: Hashable, Sendable {
        let exchange: String
        let routingKey: String
    }

    static let patience = Duration.seconds(5)
    static let leastInterval = Duration.seconds(60)
    private static let placeLimit = 1000

    private var since: [Place: ContinuousClock.Instant] = [:]
    private var renewedAt: ContinuousClock.Instant?

    /// Takes note of a batch's outcomes.
    /// - Returns: true when the connection should be renewed now.
    mutating func take(
        _ messages: [RabbitMQMessage], _ outcomes: [PublishOutcome], at now: ContinuousClock.Instant
    ) -> Bool {
        guard !since.isEmpty || outcomes.contains(.rejected) else { return false }
        for (message, outcome) in zip(messages, outcomes) {
            let place = Place(exchange: message.exchange, routingKey: message.routingKey)
            switch outcome {
            case .rejected where since[place] == nil && since.count < Self.placeLimit: since[place] = now
            case .confirmed: since[place] = nil
            default: break
            }
        }
        guard since.values.contains(where: { now - $0 >= Self.patience }) else { return false }
        if let renewedAt, now - renewedAt < Self.leastInterval { return false }
        renewedAt = now
        since = [:]
        return true
    }
}
