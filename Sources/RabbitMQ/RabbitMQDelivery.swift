/// One message from a queue, to be settled once by the consumer that it came from.
package struct RabbitMQDelivery: Sendable {
    /// Whole, however many frames it came in.
    package let body: [UInt8]
    /// As published; the broker adds headers of its own, such as `x-death` and `x-delivery-count`.
    package let properties: RabbitMQProperties
    /// Where it was published last; empty is the default exchange.
    package let exchange: String
    /// The key of that publish.
    package let routingKey: String
    /// The queue that it came from.
    package let queue: String
    /// Whether the broker has delivered it before. False proves nothing: a first delivery may have been lost on the
    /// way.
    package let isRedelivered: Bool
    /// The broker's number of the delivery; means something only within its epoch.
    package let tag: UInt64
    /// The connection that it came over, counted from 1. A delivery of a past epoch cannot be settled any more: the
    /// broker has taken it back.
    package let epoch: UInt64

    /// For tests of what handles deliveries; such a one settles nothing.
    package init(
        body: [UInt8], properties: RabbitMQProperties, exchange: String, routingKey: String, queue: String,
        isRedelivered: Bool, tag: UInt64, epoch: UInt64
    ) {
        self.body = body
        self.properties = properties
        self.exchange = exchange
        self.routingKey = routingKey
        self.queue = queue
        self.isRedelivered = isRedelivered
        self.tag = tag
        self.epoch = epoch
    }

    /// Set by the publisher; the same for every redelivery.
    package var messageID: String? { properties.messageID }
    /// Beside the publisher's, those of the broker.
    package var headers: [String: RabbitMQValue] { properties.headers }
}
