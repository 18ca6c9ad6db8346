/// Names that this module gives to what it logs.
package enum RabbitMQKeys {
    /// Metadata of log lines.
    package enum Log {
        package static let connection = "rabbitmq.connection"
        package static let host = "rabbitmq.host"
        package static let queue = "rabbitmq.queue"
        package static let reason = "rabbitmq.reason"
        package static let error = "error"
        package static let detail = "error.detail"
        package static let attempt = "rabbitmq.attempt"
        package static let outageSeconds = "rabbitmq.outage_seconds"
        package static let delaySeconds = "rabbitmq.delay_seconds"
        package static let epoch = "rabbitmq.epoch"
    }
}
