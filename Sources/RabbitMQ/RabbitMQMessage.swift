/// A message to publish. Published as mandatory: one that no queue takes comes back.
package struct RabbitMQMessage: Sendable {
    /// Empty is the default exchange, which routes to the queue named by the key.
    package var exchange: String
    /// What the exchange routes by.
    package var routingKey: String
    /// At most what the broker allows: 128 MiB before RabbitMQ 4, 16 MiB since.
    package var body: [UInt8]
    /// What travels beside the body.
    package var properties: RabbitMQProperties

    /// - Parameter persistent: whether the message survives a restart of the broker.
    package init(
        exchange: String, routingKey: String, body: [UInt8], messageID: String? = nil, contentType: String? = nil,
        headers: [String: RabbitMQValue] = [:], persistent: Bool = true, priority: UInt8? = nil, type: String? = nil,
        correlationID: String? = nil
    ) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.body = body
        properties = RabbitMQProperties(
            messageID: messageID, contentType: contentType, headers: headers, isPersistent: persistent,
            priority: priority, type: type, correlationID: correlationID)
    }
}

/// What travels beside a body.
///
/// Each text has at most 255 bytes, all headers together at most 64 KiB.
package struct RabbitMQProperties: Sendable, Hashable {
    /// The publisher's own id, by which a double can be recognised.
    package var messageID: String?
    /// The body's media type.
    package var contentType: String?
    /// Names of at most 128 bytes.
    package var headers: [String: RabbitMQValue]
    /// Whether the message is written to disk.
    package var isPersistent: Bool
    /// 0 to 255; what it means is the queue's matter.
    package var priority: UInt8?
    /// What kind of message it is, in the publisher's words.
    package var type: String?
    /// The message that this one belongs to.
    package var correlationID: String?
    /// The queue where an answer is awaited.
    package var replyTo: String?
    /// Milliseconds until the broker drops or dead-letters it, as text.
    package var expiration: String?
    /// The program that published it.
    package var applicationID: String?
    /// Seconds since 1970.
    package var timestamp: UInt64?

    package init(
        messageID: String? = nil, contentType: String? = nil, headers: [String: RabbitMQValue] = [:],
        isPersistent: Bool = true, priority: UInt8? = nil, type: String? = nil, correlationID: String? = nil,
        replyTo: String? = nil, expiration: String? = nil, applicationID: String? = nil, timestamp: UInt64? = nil
    ) {
        self.messageID = messageID
        self.contentType = contentType
        self.headers = headers
        self.isPersistent = isPersistent
        self.priority = priority
        self.type = type
        self.correlationID = correlationID
        self.replyTo = replyTo
        self.expiration = expiration
        self.applicationID = applicationID
        self.timestamp = timestamp
    }
}

extension RabbitMQMessage {
    static let shortTextLimitBytes = 255
    static let headerLimitBytes = 65_536
    static let headerNameLimitBytes = 128

    /// Refuses what the C library would cut off silently, or would refuse with half of the message on the wire.
    func validate() throws(RabbitMQError) {
        let texts: [(String, String?)] = [
            ("exchange", exchange), ("routing key", routingKey), ("message id", properties.messageID),
            ("content type", properties.contentType), ("type", properties.type),
            ("correlation id", properties.correlationID), ("reply-to", properties.replyTo),
            ("expiration", properties.expiration), ("application id", properties.applicationID),
        ]
        for (name, text) in texts {
            guard let text, text.utf8.count > Self.shortTextLimitBytes else { continue }
            throw RabbitMQError(
                .invalidMessage, operation: "publish",
                remedy: "Shorten the \(name) to \(Self.shortTextLimitBytes) bytes.")
        }
        guard !properties.headers.isEmpty else { return }
        if properties.headers.encodedSize > Self.headerLimitBytes {
            throw RabbitMQError(
                .invalidMessage, operation: "publish", remedy: "Keep all headers within \(Self.headerLimitBytes) bytes."
            )
        }
        if properties.headers.keys.contains(where: { $0.utf8.count > Self.headerNameLimitBytes }) {
            throw RabbitMQError(
                .invalidMessage, operation: "publish",
                remedy: "Shorten each header's name to \(Self.headerNameLimitBytes) bytes.")
        }
    }
}

/// What became of one published message.
package enum PublishOutcome: Sendable, Equatable {
    /// The broker has it: written to disk by every queue that took it.
    case confirmed
    /// No queue is bound for its key, so the broker threw it away.
    case returned(code: Int, text: String)
    /// The broker refused it: an internal error, or a full queue that rejects.
    case rejected
    /// The connection ended before the confirm, or before the message was sent: it may have arrived or not. Publish it
    /// again with the same message id.
    case unknown(RabbitMQError)
}
