import CRabbitMQ

extension RabbitMQHandle {
    /// Writes one message, mandatory; its confirm comes later. The message must have been validated.
    mutating func publish(_ message: RabbitMQMessage) throws(RabbitMQError) {
        pool.recycle()
        var properties = unsafe properties(message.properties)
        let exchange = unsafe pool.bytes(message.exchange)
        let routingKey = unsafe pool.bytes(message.routingKey)
        let status = unsafe message.body.withUnsafeBytes { body in
            // The library only reads it, though its type does not say so.
            let bytes = unsafe amqp_bytes_t(len: body.count, bytes: UnsafeMutableRawPointer(mutating: body.baseAddress))
            return unsafe amqp_basic_publish(
                state, Self.trafficChannel, exchange, routingKey, 1, 0, &properties, bytes)
        }
        try check(status: status, operation: "publish")
    }

    func acknowledge(tag: UInt64, multiple: Bool) throws(RabbitMQError) {
        let status = unsafe amqp_basic_ack(state, Self.trafficChannel, tag, multiple ? 1 : 0)
        try check(status: status, operation: "acknowledge")
    }

    /// Gives a delivery back to its queue; newer brokers do not count that as a failure.
    func giveBack(tag: UInt64, multiple: Bool) throws(RabbitMQError) {
        let status = unsafe amqp_basic_nack(state, Self.trafficChannel, tag, multiple ? 1 : 0, 1)
        try check(status: status, operation: "give back")
    }

    /// Drops a delivery, or dead-letters it where the queue's policy says so.
    func reject(tag: UInt64) throws(RabbitMQError) {
        let status = unsafe amqp_basic_reject(state, Self.trafficChannel, tag, 0)
        try check(status: status, operation: "reject")
    }

    private func check(status: Int32, operation: String) throws(RabbitMQError) {
        guard status != 0 else { return }
        if guardian.wasOverdue { throw RabbitMQError(.hung, operation: operation) }
        throw Self.error(status: status, operation: operation)
    }

    private mutating func properties(_ source: RabbitMQProperties) -> amqp_basic_properties_t {
        var result = unsafe amqp_basic_properties_t()
        var flags = AMQP_BASIC_DELIVERY_MODE_FLAG
        unsafe result.delivery_mode = source.isPersistent ? 2 : 1
        func set(_ flag: Int32, _ text: String?, _ path: WritableKeyPath<amqp_basic_properties_t, amqp_bytes_t>) {
            guard let text else { return }
            flags |= flag
            unsafe result[keyPath: path] = pool.bytes(text)
        }
        unsafe set(AMQP_BASIC_MESSAGE_ID_FLAG, source.messageID, \.message_id)
        unsafe set(AMQP_BASIC_CONTENT_TYPE_FLAG, source.contentType, \.content_type)
        unsafe set(AMQP_BASIC_TYPE_FLAG, source.type, \.type)
        unsafe set(AMQP_BASIC_CORRELATION_ID_FLAG, source.correlationID, \.correlation_id)
        unsafe set(AMQP_BASIC_REPLY_TO_FLAG, source.replyTo, \.reply_to)
        unsafe set(AMQP_BASIC_EXPIRATION_FLAG, source.expiration, \.expiration)
        unsafe set(AMQP_BASIC_APP_ID_FLAG, source.applicationID, \.app_id)
        if let priority = source.priority {
            flags |= AMQP_BASIC_PRIORITY_FLAG
            unsafe result.priority = priority
        }
        if let timestamp = source.timestamp {
            flags |= AMQP_BASIC_TIMESTAMP_FLAG
            unsafe result.timestamp = timestamp
        }
        if !source.headers.isEmpty {
            flags |= AMQP_BASIC_HEADERS_FLAG
            unsafe result.headers = pool.table(source.headers)
        }
        unsafe result._flags = UInt32(flags)
        return unsafe result
    }
}
