/// Names that this module gives to what it logs and to what it puts into messages.
package enum BrokerKeys {
    /// Metadata of log lines.
    package enum Log {
        package static let queue = "rabbitmq.queue"
        package static let error = "error"
        package static let trouble = "rabbitmq.trouble"
        package static let remedy = "remedy"
        package static let lastedSeconds = "rabbitmq.outage_seconds"
    }

    /// Names of metrics.
    package enum Metric {
        /// How many troubles of a kind there are now; dimension `kind`.
        package static let trouble = "rosterline_broker_trouble"
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
