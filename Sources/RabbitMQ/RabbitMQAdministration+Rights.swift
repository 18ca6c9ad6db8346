import EventLoops

/// What became of a message that nobody was meant to get.
package enum RabbitMQPublishProbe: Sendable, Equatable {
    /// The broker takes messages for this exchange from this user.
    case accepted
    /// A memory or disk alarm stops all publishers; the broker's words.
    case blocked(reason: String)
    /// No answer in time.
    case unanswered
}

/// The broker has no question for "may I?": it checks a right when it is used. These use one without leaving a trace,
/// neither in a queue nor, while all is well, as an error in the broker's log.
extension RabbitMQAdministration {
    /// Publishes an empty message with a key that no queue is bound for, and waits until it comes back.
    ///
    /// A broker under an alarm reads nothing more from who publishes, so after `.blocked` and `.unanswered` the
    /// connection has ended.
    /// - Throws: `RabbitMQError` with `.accessRefused` without the right to write, `.notFound` without the exchange.
    package func probe(
        exchange: String, routingKey: String, within limit: Duration
    ) async throws -> RabbitMQPublishProbe {
        let deadline = ContinuousClock.now + limit
        try perform { handle throws(RabbitMQError) in
            try handle.selectConfirms()
            try handle.publish(
                RabbitMQMessage(exchange: exchange, routingKey: routingKey, body: [], persistent: false))
        }
        while true {
            while let event = try answer(exchange) {
                switch event {
                case .confirm: return .accepted
                case .blocked(let reason):
                    drop()
                    return .blocked(reason: reason)
                default: break
                }
            }
            switch await loop.wait(for: .readable, on: handle.descriptor, until: deadline) {
            case .ready: break
            case .timedOut:
                drop()
                return .unanswered
            case .cancelled:
                drop()
                throw CancellationError()
            }
        }
    }

    /// Checks that this user may take messages from a queue, by asking for one. Ask only a queue that is empty: a
    /// message that comes after all goes back as delivered once more.
    /// - Returns: false after such a message: the connection has ended.
    /// - Throws: `RabbitMQError` with `.accessRefused` without the right to read, `.notFound` without the queue.
    package func checkReading(queue: String) throws -> Bool {
        let gotOne = try perform { handle throws(RabbitMQError) in try handle.get(queue: queue) }
        if gotOne { drop() }
        return !gotOne
    }

    private func answer(_ exchange: String) throws(RabbitMQError) -> RabbitMQEvent? {
        do throws(RabbitMQError) {
            return try perform { handle throws(RabbitMQError) in try handle.nextEvent() }
        } catch {
            throw RabbitMQError(
                error.code, operation: "publish to exchange \(exchange)", isTransient: error.isTransient,
                replyCode: error.replyCode, detail: error.detail)
        }
    }
}
