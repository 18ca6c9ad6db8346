import DequeModule

/// Which published messages still wait for their confirm, on one connection; pure.
///
/// The broker counts the publishes of a channel from 1 and confirms by that number, out of order and several at once.
/// A message that no queue took comes back before its confirm, without its number, so it is found by exchange, key and
/// message id: the oldest one that fits and has not come back yet. Messages without an id are told apart by their
/// order, which is how the broker returns them.
///
/// Legal order: `open`, then `sent` once for each message of the batch in order; confirms and returns for numbers sent.
struct ConfirmStateMachine {
    /// A batch is over: each of its messages has an outcome.
    struct Completion {
        let batch: Int
        let outcomes: [PublishOutcome]
    }

    private struct Batch {
        let messages: [RabbitMQMessage]
        var outcomes: [PublishOutcome?]
        var unsettled: Int
    }

    private struct Entry {
        let batch: Int
        let index: Int
        let sentAt: ContinuousClock.Instant
        var isSettled = false
        var comesBack: PublishOutcome?
    }

    /// How many messages may be unconfirmed at once.
    let window: Int
    private var batches: [Int: Batch] = [:]
    private var nextBatch = 0
    private var entries: Deque<Entry> = []
    // The number of the first entry.
    private var base: UInt64 = 1
    // Where the search for the next returned message begins, since they come back in order.
    private var returnCursor = 0
    private var settledEntries = 0

    init(window: Int) {
        self.window = window
    }

    /// Messages sent and not confirmed.
    var unconfirmed: Int { entries.count - settledEntries }

    /// How many more may be sent now.
    var room: Int { max(0, window - unconfirmed) }

    /// When the oldest unconfirmed message was sent.
    var oldestSentAt: ContinuousClock.Instant? { entries.first?.sentAt }

    /// Takes a batch, not empty.
    mutating func open(_ messages: [RabbitMQMessage]) -> Int {
        defer { nextBatch += 1 }
        batches[nextBatch] = Batch(
            messages: messages, outcomes: Array(repeating: nil, count: messages.count), unsettled: messages.count)
        return nextBatch
    }

    /// The message of the batch is the next on the wire.
    mutating func sent(batch: Int, index: Int, at now: ContinuousClock.Instant) {
        entries.append(Entry(batch: batch, index: index, sentAt: now))
    }

    mutating func confirm(tag: UInt64, multiple: Bool, isAccepted: Bool) -> [Completion] {
        guard tag >= base, tag < base + UInt64(entries.count) else { return [] }
        let last = Int(tag - base)
        var completions: [Completion] = []
        for position in (multiple ? 0 : last)...last where !entries[position].isSettled {
            entries[position].isSettled = true
            settledEntries += 1
            let entry = entries[position]
            let outcome: PublishOutcome = isAccepted ? entry.comesBack ?? .confirmed : .rejected
            if let completion = settle(batch: entry.batch, index: entry.index, outcome) {
                completions.append(completion)
            }
        }
        while let first = entries.first, first.isSettled {
            entries.removeFirst()
            base += 1
            settledEntries -= 1
            returnCursor = max(0, returnCursor - 1)
        }
        return completions
    }

    /// A message comes back; its confirm follows.
    mutating func comesBack(_ returned: RabbitMQReturn) {
        let order = [returnCursor..<entries.count, 0..<min(returnCursor, entries.count)]
        for position in order.joined() {
            let entry = entries[position]
            guard !entry.isSettled, entry.comesBack == nil, let batch = batches[entry.batch] else { continue }
            let message = batch.messages[entry.index]
            guard message.properties.messageID == returned.messageID, message.routingKey == returned.routingKey,
                message.exchange == returned.exchange
            else { continue }
            entries[position].comesBack = .returned(code: returned.code, text: returned.text)
            returnCursor = position + 1
            return
        }
    }

    /// Ends all batches; what has no outcome yet becomes unknown. Numbers on the wire keep their meaning.
    mutating func abandon(_ error: RabbitMQError) -> [Completion] {
        let completions = batches.map { number, batch in
            Completion(batch: number, outcomes: batch.outcomes.map { $0 ?? .unknown(error) })
        }
        batches = [:]
        return completions
    }

    /// Ends one batch; a message of it that is on the wire is confirmed to nobody.
    mutating func forget(batch: Int) {
        batches[batch] = nil
    }

    private mutating func settle(batch number: Int, index: Int, _ outcome: PublishOutcome) -> Completion? {
        batches[number]?.outcomes[index] = outcome
        batches[number]?.unsettled -= 1
        guard let batch = batches[number], batch.unsettled == 0 else { return nil }
        batches[number] = nil
        return Completion(batch: number, outcomes: batch.outcomes.compactMap(\.self))
    }
}
