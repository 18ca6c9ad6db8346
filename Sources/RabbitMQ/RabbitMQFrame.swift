/// One frame from the broker, copied out of the library's memory.
enum RabbitMQFrame: Sendable, Equatable {
    case confirm(tag: UInt64, multiple: Bool, isAccepted: Bool)
    /// A message comes back; its header and body follow.
    case returned(RabbitMQReturn)
    /// A message comes; its header and body follow.
    case delivered(RabbitMQDispatch)
    case header(bodyBytes: UInt64, properties: RabbitMQProperties)
    case body([UInt8])
    case consumerCancelled(tag: String)
    case channelClosed(channel: UInt16, code: Int, text: String)
    case connectionClosed(code: Int, text: String)
    case blocked(reason: String)
    case unblocked
    /// A method that asks nothing of this client, by its number.
    case other(method: UInt32)
}

/// What a `basic.deliver` says.
struct RabbitMQDispatch: Sendable, Equatable {
    let consumerTag: String
    let tag: UInt64
    let isRedelivered: Bool
    let exchange: String
    let routingKey: String
}

/// What a `basic.return` says, and once its header has come, the message's id.
struct RabbitMQReturn: Sendable, Equatable {
    let code: Int
    let text: String
    let exchange: String
    let routingKey: String
    var messageID: String?
}

/// What happened on a connection, once whole messages have been put together.
enum RabbitMQEvent: Sendable, Equatable {
    case confirm(tag: UInt64, multiple: Bool, isAccepted: Bool)
    case returned(RabbitMQReturn)
    case delivery(RabbitMQDispatch, RabbitMQProperties, body: [UInt8])
    case consumerCancelled(tag: String)
    case blocked(reason: String)
    case unblocked
}
