import CRabbitMQ
import Glibc

extension RabbitMQHandle {
    /// The next event that has already arrived; nil when nothing more is there.
    ///
    /// Sends and checks heartbeats on the way, so it must be called more often than each heartbeat.
    /// - Throws: once; the connection is of no further use then.
    mutating func nextEvent() throws(RabbitMQError) -> RabbitMQEvent? {
        while let frame = try nextFrame() {
            if let event = try assembler.take(frame) { return event }
        }
        return nil
    }

    /// Takes the next frame off the socket or the library's queue, whatever it is and whichever channel it is for.
    mutating func nextFrame() throws(RabbitMQError) -> RabbitMQFrame? {
        var frame = unsafe amqp_frame_t()
        var noWait = timeval()
        let status = unsafe amqp_simple_wait_frame_noblock(state, &frame, &noWait)
        if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
        guard status == 0 else { throw Self.error(status: status, operation: "read from the broker") }
        let copied = unsafe copy(frame)
        // Does nothing while another frame of the channel is queued; then the last of them frees all.
        unsafe amqp_maybe_release_buffers_on_channel(state, frame.channel)
        switch copied {
        case .channelClosed(let channel, _, _): answerChannelClose(channel)
        case .connectionClosed: answerConnectionClose()
        default: break
        }
        return copied
    }

    private mutating func copy(_ frame: amqp_frame_t) -> RabbitMQFrame {
        switch Int32(unsafe frame.frame_type) {
        case AMQP_FRAME_METHOD:
            unsafe method(frame.payload.method, channel: frame.channel)
        case AMQP_FRAME_HEADER:
            unsafe .header(
                bodyBytes: frame.payload.properties.body_size,
                properties: frame.payload.properties.decoded.map {
                    unsafe properties($0.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee)
                } ?? RabbitMQProperties())
        case AMQP_FRAME_BODY:
            unsafe .body(FieldPool.array(frame.payload.body_fragment))
        default:
            .other(method: 0)
        }
    }

    private mutating func method(_ method: amqp_method_t, channel: UInt16) -> RabbitMQFrame {
        guard let decoded = unsafe method.decoded else { return .other(method: unsafe method.id) }
        switch rabbitmq_method(unsafe method.id) {
        case RABBITMQ_BASIC_ACK:
            let ack = unsafe decoded.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
            return .confirm(tag: ack.delivery_tag, multiple: ack.multiple != 0, isAccepted: true)
        case RABBITMQ_BASIC_NACK:
            let nack = unsafe decoded.assumingMemoryBound(to: amqp_basic_nack_t.self).pointee
            return .confirm(tag: nack.delivery_tag, multiple: nack.multiple != 0, isAccepted: false)
        case RABBITMQ_BASIC_DELIVER:
            return unsafe dispatch(decoded.assumingMemoryBound(to: amqp_basic_deliver_t.self).pointee)
        case RABBITMQ_BASIC_RETURN:
            let back = unsafe decoded.assumingMemoryBound(to: amqp_basic_return_t.self).pointee
            return unsafe .returned(
                RabbitMQReturn(
                    code: Int(back.reply_code), text: FieldPool.text(back.reply_text),
                    exchange: FieldPool.text(back.exchange), routingKey: FieldPool.text(back.routing_key)))
        case RABBITMQ_BASIC_CANCEL:
            let cancel = unsafe decoded.assumingMemoryBound(to: amqp_basic_cancel_t.self).pointee
            return unsafe .consumerCancelled(tag: FieldPool.text(cancel.consumer_tag))
        case RABBITMQ_CHANNEL_CLOSE:
            let close = unsafe decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
            return unsafe .channelClosed(
                channel: channel, code: Int(close.reply_code), text: FieldPool.text(close.reply_text))
        case RABBITMQ_CONNECTION_CLOSE:
            let close = unsafe decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
            return unsafe .connectionClosed(code: Int(close.reply_code), text: FieldPool.text(close.reply_text))
        case RABBITMQ_CONNECTION_BLOCKED:
            let blocked = unsafe decoded.assumingMemoryBound(to: amqp_connection_blocked_t.self).pointee
            return unsafe .blocked(reason: FieldPool.text(blocked.reason))
        case RABBITMQ_CONNECTION_UNBLOCKED:
            return .unblocked
        default:
            return .other(method: unsafe method.id)
        }
    }

    private mutating func dispatch(_ deliver: amqp_basic_deliver_t) -> RabbitMQFrame {
        unsafe .delivered(
            RabbitMQDispatch(
                consumerTag: Self.text(deliver.consumer_tag, known: &lastConsumerTag), tag: deliver.delivery_tag,
                isRedelivered: deliver.redelivered != 0,
                exchange: Self.text(deliver.exchange, known: &lastExchange),
                routingKey: Self.text(deliver.routing_key, known: &lastRoutingKey)))
    }

    /// The text of the bytes, shared with the last one if it is the same.
    private static func text(_ bytes: amqp_bytes_t, known: inout String) -> String {
        let isSame = known.withUTF8 { utf8 in
            guard let start = unsafe bytes.bytes, unsafe utf8.count == bytes.len else {
                return unsafe bytes.len == 0 && utf8.isEmpty
            }
            return unsafe UnsafeRawBufferPointer(utf8).elementsEqual(
                UnsafeRawBufferPointer(start: start, count: bytes.len))
        }
        if !isSame { known = unsafe FieldPool.text(bytes) }
        return known
    }

    private func properties(_ source: amqp_basic_properties_t) -> RabbitMQProperties {
        let flags = unsafe source._flags
        func text(_ flag: Int32, _ bytes: amqp_bytes_t) -> String? {
            flags & UInt32(flag) != 0 ? unsafe FieldPool.text(bytes) : nil
        }
        return unsafe RabbitMQProperties(
            messageID: text(AMQP_BASIC_MESSAGE_ID_FLAG, source.message_id),
            contentType: text(AMQP_BASIC_CONTENT_TYPE_FLAG, source.content_type),
            headers: flags & UInt32(AMQP_BASIC_HEADERS_FLAG) != 0 ? FieldPool.table(source.headers) : [:],
            isPersistent: source.delivery_mode == 2,
            priority: flags & UInt32(AMQP_BASIC_PRIORITY_FLAG) != 0 ? source.priority : nil,
            type: text(AMQP_BASIC_TYPE_FLAG, source.type),
            correlationID: text(AMQP_BASIC_CORRELATION_ID_FLAG, source.correlation_id),
            replyTo: text(AMQP_BASIC_REPLY_TO_FLAG, source.reply_to),
            expiration: text(AMQP_BASIC_EXPIRATION_FLAG, source.expiration),
            applicationID: text(AMQP_BASIC_APP_ID_FLAG, source.app_id),
            timestamp: flags & UInt32(AMQP_BASIC_TIMESTAMP_FLAG) != 0 ? source.timestamp : nil)
    }
}
