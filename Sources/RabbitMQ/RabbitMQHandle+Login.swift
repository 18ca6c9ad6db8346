import CRabbitMQ
import Glibc

extension RabbitMQHandle {
    private static let systemCertificateFile = "/etc/ssl/certs/ca-certificates.crt"

    /// Opens socket, TLS, session and the traffic channel on one host. Blocks; each phase is bounded by
    /// `connectTimeout`.
    ///
    /// After an error the handle is of no further use.
    mutating func open(_ host: RabbitMQConfiguration.Host) throws(RabbitMQError) {
        let operation = "connect to \(host)"
        let socket = unsafe try makeSocket(operation: operation)
        var timeout = timeval(configuration.connectTimeout)
        let status = unsafe amqp_socket_open_noblock(socket, host.name, Int32(host.port), &timeout)
        guard status == 0 else {
            let error = Self.error(status: status, operation: operation)
            throw error.code == .tlsFailed
                ? error : RabbitMQError(.connectionFailed, operation: operation, detail: error.detail)
        }
        guardian.attach(descriptor)
        setKeepAlive()
        _ = unsafe amqp_set_handshake_timeout(state, &timeout)
        _ = unsafe amqp_set_rpc_timeout(state, &timeout)
        try logIn(operation: operation)
        try openChannel(Self.trafficChannel)
    }

    mutating func openChannel(_ channel: UInt16) throws(RabbitMQError) {
        _ = unsafe amqp_channel_open(state, channel)
        try unsafe check(amqp_get_rpc_reply(state), channel: channel, operation: "open channel")
        unsafe amqp_maybe_release_buffers_on_channel(state, channel)
    }

    private func makeSocket(operation: String) throws(RabbitMQError) -> OpaquePointer {
        guard
            case .enabled(let caFile, let certificate, let key, let verifyPeer, let verifyHostname) = configuration.tls
        else {
            guard let socket = unsafe amqp_tcp_socket_new(state) else { preconditionFailure("no memory for a socket") }
            return unsafe socket
        }
        guard let socket = unsafe amqp_ssl_socket_new(state) else {
            throw RabbitMQError(.tlsFailed, operation: operation, detail: "OpenSSL cannot be initialised")
        }
        unsafe amqp_ssl_socket_set_verify_peer(socket, verifyPeer ? 1 : 0)
        unsafe amqp_ssl_socket_set_verify_hostname(socket, verifyPeer && verifyHostname ? 1 : 0)
        _ = unsafe amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST)
        if verifyPeer {
            let file = caFile ?? Self.systemCertificateFile
            guard unsafe amqp_ssl_socket_set_cacert(socket, file) == 0 else {
                throw RabbitMQError(
                    .invalidConfiguration, operation: operation,
                    remedy: "Make \(file) readable, a PEM file of the authorities that sign the broker's certificate.")
            }
        }
        if let certificate, let key, unsafe amqp_ssl_socket_set_key(socket, certificate, key) != 0 {
            throw RabbitMQError(
                .invalidConfiguration, operation: operation,
                remedy: "Make \(certificate) and \(key) readable, a PEM certificate and the key that belongs to it.")
        }
        return unsafe socket
    }

    // Seconds that the heartbeat does not cover: between the handshake and the first frame, and while a write hangs.
    private func setKeepAlive() {
        var on: Int32 = 1
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    private mutating func logIn(operation: String) throws(RabbitMQError) {
        // What the library can do but does not announce: without these a deleted queue leaves its consumer silent for
        // ever, and an alarm is not told to the publisher.
        var properties = unsafe pool.table([
            "connection_name": .string(configuration.connectionName),
            "product": "rosterline",
            "capabilities": .table([
                "consumer_cancel_notify": true, "connection.blocked": true, "basic.nack": true,
                "publisher_confirms": true,
            ]),
        ])
        let reply = unsafe rabbitmq_login(
            state, configuration.virtualHost, 0, AMQP_DEFAULT_FRAME_SIZE,
            Int32(configuration.heartbeat.components.seconds),
            &properties, configuration.user, configuration.password)
        pool.recycle()
        do {
            try unsafe check(reply, channel: 0, operation: "log in")
        } catch  where error.code == .accessRefused {
            throw RabbitMQError(
                .accessRefused, operation: operation,
                remedy: "Create the virtual host \(configuration.virtualHost) and grant the user access to it.",
                replyCode: error.replyCode, detail: error.detail)
        } catch {
            throw RabbitMQError(
                error.code, operation: operation, isTransient: error.isTransient, replyCode: error.replyCode,
                detail: error.detail)
        }
    }
}
