/// Names that this module gives to what it logs and to what it puts into messages.
package enum BrokerKeys {
    /// Metadata of log lines.
    package enum Log {
        package static let queue = "rabbitmq.queue"
        package static let error = "error"
    }

    /// Header names.
    package enum Header {
        /// W3C trace context, for tools that look at messages.
        package static let traceParent = "traceparent"
        /// The version of the message's schema.
        package static let schemaVersion = "schema-version"
    }

    static let messageType = "step"
    static let contentType = "application/json"
    static let applicationID = "rosterline"
}
