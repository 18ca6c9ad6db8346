import CRabbitMQ
import Glibc

/// The one owner of an `amqp_connection_state_t`: one socket, one channel for traffic, and a second one for questions.
///
/// Order of calls: `open`, then anything; after the first error thrown by `nextEvent` or a write only `deinit` is
/// left. Every call may block its thread, for as long as the connection's timeout (`open`, requests), or, for writes,
/// until the guard cuts the socket. So a handle belongs to an actor on a loop of its own.
///
/// Only the next frame is ever taken from the library (see `ContentAssembler`), which makes a second channel safe too.
@safe
struct RabbitMQHandle: ~Copyable {
    /// Publishes and consumes.
    static let trafficChannel: UInt16 = 1
    /// Asks whether queues exist; the broker closes it when one does not.
    static let questionChannel: UInt16 = 2

    let state: amqp_connection_state_t
    let guardian: SocketGuard
    let configuration: RabbitMQConfiguration
    var pool = FieldPool()
    var assembler: ContentAssembler
    // Deliveries come in runs from the same place, so its names are made only once.
    var lastConsumerTag = ""
    var lastExchange = ""
    var lastRoutingKey = ""
    /// The host it was opened on.
    private(set) var host: RabbitMQConfiguration.Host?

    init(configuration: RabbitMQConfiguration, guardian: SocketGuard) {
        guard let state = unsafe amqp_new_connection() else { preconditionFailure("no memory for a connection") }
        unsafe self.state = state
        self.guardian = guardian
        self.configuration = configuration
        assembler = ContentAssembler(bodyLimitBytes: configuration.bodyLimitBytes)
    }

    deinit {
        guardian.detach(unsafe amqp_get_sockfd(state))
        // Closes the socket; its status says only what is known by now.
        _ = unsafe amqp_destroy_connection(state)
    }

    var descriptor: Int32 {
        unsafe amqp_get_sockfd(state)
    }

    /// How often the broker and this client promise to speak, in seconds; 0 is never.
    var heartbeatSeconds: Int {
        Int(unsafe amqp_get_heartbeat(state))
    }

    /// What the broker calls itself, as `3.10.8`; nil if it does not say.
    var serverVersion: String? {
        guard let properties = unsafe amqp_get_server_properties(state) else { return nil }
        return unsafe FieldPool.table(properties.pointee)["version"]?.text
    }

    /// Lets the kernel gather small writes into full segments until it is taken off; batches of messages need it.
    func setCorked(_ isCorked: Bool) {
        var flag: Int32 = isCorked ? 1 : 0
        // Without it everything works, only slower.
        _ = unsafe setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_CORK, &flag, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Tells the broker that this is no failure; waits for its answer at most as long as `connectTimeout`.
    func close() {
        guard descriptor >= 0 else { return }
        // The socket is closed afterwards whatever the broker says.
        _ = unsafe amqp_connection_close(state, AMQP_REPLY_SUCCESS)
    }
}

extension RabbitMQHandle {
    /// Opens a handle on the first host that accepts; each one that does not costs at most `connectTimeout`.
    /// - Throws: the error of the last host. A refused login ends the search, since it is the cluster that refuses.
    static func connect(
        _ configuration: RabbitMQConfiguration, guardian: SocketGuard
    ) throws(RabbitMQError) -> RabbitMQHandle {
        var last = RabbitMQError(.invalidConfiguration, operation: "connect", remedy: "Name a host of the broker.")
        for host in configuration.hosts {
            var handle = RabbitMQHandle(configuration: configuration, guardian: guardian)
            do throws(RabbitMQError) {
                try handle.open(host)
                handle.host = host
                return handle
            } catch {
                last = error
                if error.code == .authenticationFailed || error.code == .invalidConfiguration { break }
            }
        }
        throw last
    }

    /// The error of a library status; the operation names what was tried.
    static func error(status: Int32, operation: String) -> RabbitMQError {
        let text = unsafe amqp_error_string2(status)
        let detail = unsafe text.map { unsafe String(cString: $0) } ?? "status \(status)"
        let code: RabbitMQError.Code =
            switch amqp_status_enum(status) {
            case AMQP_STATUS_SSL_ERROR, AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED, AMQP_STATUS_SSL_PEER_VERIFY_FAILED,
                AMQP_STATUS_SSL_CONNECTION_FAILED:
                .tlsFailed
            case AMQP_STATUS_BAD_AMQP_DATA, AMQP_STATUS_UNKNOWN_CLASS, AMQP_STATUS_UNKNOWN_METHOD,
                AMQP_STATUS_INCOMPATIBLE_AMQP_VERSION, AMQP_STATUS_WRONG_METHOD:
                .protocolViolation
            case AMQP_STATUS_TABLE_TOO_BIG, AMQP_STATUS_INVALID_PARAMETER: .invalidMessage
            default: .connectionLost
            }
        return RabbitMQError(code, operation: operation, detail: detail)
    }

    /// Throws what the last request came to. Answers a closed channel or connection, which the library leaves to its
    /// user.
    func check(_ reply: amqp_rpc_reply_t, channel: UInt16, operation: String) throws(RabbitMQError) {
        switch unsafe reply.reply_type {
        case AMQP_RESPONSE_NORMAL:
            return
        case AMQP_RESPONSE_SERVER_EXCEPTION:
            if unsafe reply.reply.id == RABBITMQ_CHANNEL_CLOSE.rawValue, let decoded = unsafe reply.reply.decoded {
                let close = unsafe decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
                let error = unsafe RabbitMQError(
                    replyCode: Int(close.reply_code), text: FieldPool.text(close.reply_text), operation: operation,
                    closesConnection: false)
                answerChannelClose(channel)
                throw error
            }
            if unsafe reply.reply.id == RABBITMQ_CONNECTION_CLOSE.rawValue, let decoded = unsafe reply.reply.decoded {
                let close = unsafe decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
                let error = unsafe RabbitMQError(
                    replyCode: Int(close.reply_code), text: FieldPool.text(close.reply_text), operation: operation,
                    closesConnection: true)
                answerConnectionClose()
                throw error
            }
            throw RabbitMQError(.protocolViolation, operation: operation)
        default:
            throw Self.error(status: unsafe reply.library_error, operation: operation)
        }
    }

    func answerChannelClose(_ channel: UInt16) {
        var ok = amqp_channel_close_ok_t()
        // If it cannot be sent the connection is gone, as the next call will say.
        _ = unsafe amqp_send_method(state, channel, RABBITMQ_CHANNEL_CLOSE_OK.rawValue, &ok)
        unsafe amqp_maybe_release_buffers_on_channel(state, channel)
    }

    func answerConnectionClose() {
        var ok = amqp_connection_close_ok_t()
        _ = unsafe amqp_send_method(state, 0, RABBITMQ_CONNECTION_CLOSE_OK.rawValue, &ok)
    }
}

extension timeval {
    /// Rounded down to microseconds.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}
