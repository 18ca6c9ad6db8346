import CRabbitMQ

/// Requests with an answer. Each blocks until that has come, at most `connectTimeout`; frames that come in between
/// stay queued in the library, in order, for `nextEvent`.
extension RabbitMQHandle {
    mutating func selectConfirms() throws(RabbitMQError) {
        try unsafe request("select confirms") { handle, _ in
            _ = unsafe amqp_confirm_select(handle, Self.trafficChannel)
        }
    }

    /// Bounds what each consumer of the channel may hold unacknowledged.
    mutating func setPrefetch(_ count: UInt16) throws(RabbitMQError) {
        try unsafe request("set prefetch") { handle, _ in
            _ = unsafe amqp_basic_qos(handle, Self.trafficChannel, 0, count, 0)
        }
    }

    /// - Returns: the consumer tag that the broker made, or the one given.
    mutating func consume(queue: String, tag: String) throws(RabbitMQError) -> String {
        try unsafe request("consume queue \(queue)") { handle, pool in
            let ok = unsafe amqp_basic_consume(
                handle, Self.trafficChannel, pool.bytes(queue), pool.bytes(tag), 0, 0, 0, amqp_empty_table)
            return unsafe ok.map { unsafe FieldPool.text($0.pointee.consumer_tag) } ?? ""
        }
    }

    mutating func cancelConsumer(tag: String) throws(RabbitMQError) {
        try unsafe request("cancel consumer") { handle, pool in
            _ = unsafe amqp_basic_cancel(handle, Self.trafficChannel, pool.bytes(tag))
        }
    }

    mutating func declare(_ exchange: RabbitMQExchange) throws(RabbitMQError) {
        try unsafe request("declare exchange \(exchange.name)") { handle, pool in
            _ = unsafe amqp_exchange_declare(
                handle, Self.trafficChannel, pool.bytes(exchange.name), pool.bytes(exchange.kind.rawValue), 0,
                exchange.isDurable ? 1 : 0, 0, 0, pool.table(exchange.arguments))
        }
    }

    mutating func declare(_ queue: RabbitMQQueue) throws(RabbitMQError) -> RabbitMQQueueDepth {
        try unsafe request("declare queue \(queue.name)") { handle, pool in
            let ok = unsafe amqp_queue_declare(
                handle, Self.trafficChannel, pool.bytes(queue.name), 0, queue.isDurable ? 1 : 0,
                queue.isExclusive ? 1 : 0, 0, pool.table(queue.arguments))
            return unsafe RabbitMQQueueDepth(ok)
        }
    }

    /// Asks for an existing queue; 404 closes the channel asked on.
    mutating func inspect(
        queue: String, channel: UInt16 = RabbitMQHandle.trafficChannel
    ) throws(RabbitMQError) -> RabbitMQQueueDepth {
        try unsafe request("inspect queue \(queue)", channel: channel) { handle, pool in
            let ok = unsafe amqp_queue_declare(handle, channel, pool.bytes(queue), 1, 0, 0, 0, amqp_empty_table)
            return unsafe RabbitMQQueueDepth(ok)
        }
    }

    /// Asks for an existing exchange; 404 closes the channel.
    mutating func inspect(exchange: String) throws(RabbitMQError) {
        try unsafe request("inspect exchange \(exchange)") { handle, pool in
            _ = unsafe amqp_exchange_declare(
                handle, Self.trafficChannel, pool.bytes(exchange), pool.bytes("direct"), 1, 0, 0, 0, amqp_empty_table)
        }
    }

    /// Takes a message if there is one, which needs the right to read; true if there was.
    mutating func get(queue: String) throws(RabbitMQError) -> Bool {
        try unsafe request("read queue \(queue)") { handle, pool in
            let reply = unsafe amqp_basic_get(handle, Self.trafficChannel, pool.bytes(queue), 0)
            return unsafe rabbitmq_method(reply.reply.id) == RABBITMQ_BASIC_GET_OK
        }
    }

    mutating func bind(_ binding: RabbitMQBinding) throws(RabbitMQError) {
        try unsafe request("bind queue \(binding.queue)") { handle, pool in
            _ = unsafe amqp_queue_bind(
                handle, Self.trafficChannel, pool.bytes(binding.queue), pool.bytes(binding.exchange),
                pool.bytes(binding.routingKey), amqp_empty_table)
        }
    }

    mutating func unbind(_ binding: RabbitMQBinding) throws(RabbitMQError) {
        try unsafe request("unbind queue \(binding.queue)") { handle, pool in
            _ = unsafe amqp_queue_unbind(
                handle, Self.trafficChannel, pool.bytes(binding.queue), pool.bytes(binding.exchange),
                pool.bytes(binding.routingKey), amqp_empty_table)
        }
    }

    mutating func purge(queue: String) throws(RabbitMQError) -> Int {
        try unsafe request("purge queue \(queue)") { handle, pool in
            let ok = unsafe amqp_queue_purge(handle, Self.trafficChannel, pool.bytes(queue))
            return unsafe ok.map { unsafe Int($0.pointee.message_count) } ?? 0
        }
    }

    mutating func delete(queue: String) throws(RabbitMQError) -> Int {
        try unsafe request("delete queue \(queue)") { handle, pool in
            let ok = unsafe amqp_queue_delete(handle, Self.trafficChannel, pool.bytes(queue), 0, 0)
            return unsafe ok.map { unsafe Int($0.pointee.message_count) } ?? 0
        }
    }

    mutating func delete(exchange: String) throws(RabbitMQError) {
        try unsafe request("delete exchange \(exchange)") { handle, pool in
            _ = unsafe amqp_exchange_delete(handle, Self.trafficChannel, pool.bytes(exchange), 0)
        }
    }

    private mutating func request<Answer>(
        _ operation: String, channel: UInt16 = RabbitMQHandle.trafficChannel,
        _ call: (amqp_connection_state_t, inout FieldPool) -> Answer
    ) throws(RabbitMQError) -> Answer {
        pool.recycle()
        let answer = unsafe call(state, &pool)
        try unsafe check(amqp_get_rpc_reply(state), channel: channel, operation: operation)
        unsafe amqp_maybe_release_buffers_on_channel(state, channel)
        return answer
    }
}

extension RabbitMQQueueDepth {
    fileprivate init(_ ok: UnsafeMutablePointer<amqp_queue_declare_ok_t>?) {
        let counts = unsafe ok.map { unsafe ($0.pointee.message_count, $0.pointee.consumer_count) } ?? (0, 0)
        self.init(messages: Int(counts.0), consumers: Int(counts.1))
    }
}
