/// Where the broker is and how to behave towards it.
package struct RabbitMQConfiguration: Sendable {
    /// One node of the broker.
    package struct Host: Sendable, Hashable, CustomStringConvertible {
        /// A name or an address; the certificate is checked against it.
        package var name: String
        /// 1 to 65 535; usually 5672, with TLS 5671.
        package var port: Int

        package init(_ name: String, port: Int = 5672) {
            self.name = name
            self.port = port
        }

        package var description: String {
            name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)"
        }
    }

    /// Whether the connection is encrypted. TLS 1.2 or newer.
    package enum TLS: Sendable, Hashable {
        case disabled
        /// Files are PEM. Without a CA file the system's store is used. The certificate and key are for brokers that
        /// ask for one. The host name is verified only together with the peer.
        case enabled(
            caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, verifyPeer: Bool = true,
            verifyHostname: Bool = true)
    }

    /// How long to wait between attempts to connect: full jitter, doubling from `base` to `cap`.
    package struct Backoff: Sendable, Hashable {
        /// Default 0.2 s.
        package var base: Duration = .milliseconds(200)
        /// Default 30 s.
        package var cap: Duration = .seconds(30)

        package init() {}

        /// The wait before the given attempt, counted from 1; between a quarter of `base` and `cap`.
        package func delay(attempt: Int, using generator: inout some RandomNumberGenerator) -> Duration {
            let ceiling = min(cap, base * (1 << min(max(attempt - 1, 0), 20)))
            return max(base / 4, ceiling * Double.random(in: 0...1, using: &generator))
        }
    }

    /// Tried in order until one accepts; one or more.
    package var hosts: [Host]
    /// Needs permission for what it is used for, in this virtual host.
    package var user: String
    /// Never shown by `description`, `debugDescription` or `dump`.
    package var password: String
    /// Default `/`.
    package var virtualHost: String
    /// Default disabled.
    package var tls: TLS
    /// How long silence may last; whole seconds, 1 or more, default 10 s. The peer is given up after two of them.
    package var heartbeat: Duration
    /// For each host: address, TCP, TLS and login together; also bounds each request. Default 10 s.
    package var connectTimeout: Duration
    /// What operators see in the broker's list of connections.
    package var connectionName: String
    /// How long to wait between attempts to connect.
    package var backoff: Backoff
    /// Bodies above this end the connection; default 16 MiB, the broker's own default limit.
    package var bodyLimitBytes: Int

    /// Each value has the default that its property names.
    package init(
        hosts: [Host] = [Host("localhost")], user: String = "guest", password: String = "guest",
        virtualHost: String = "/", tls: TLS = .disabled, heartbeat: Duration = .seconds(10),
        connectTimeout: Duration = .seconds(10), connectionName: String = "rosterline", backoff: Backoff = Backoff(),
        bodyLimitBytes: Int = 16 << 20
    ) {
        precondition(!hosts.isEmpty, "no host of the broker")
        precondition(heartbeat >= .seconds(1), "a heartbeat of \(heartbeat)")
        self.hosts = hosts
        self.user = user
        self.password = password
        self.virtualHost = virtualHost
        self.tls = tls
        self.heartbeat = heartbeat
        self.connectTimeout = connectTimeout
        self.connectionName = connectionName
        self.backoff = backoff
        self.bodyLimitBytes = bodyLimitBytes
    }
}

extension RabbitMQConfiguration: CustomStringConvertible, CustomDebugStringConvertible {
    /// As an address, without the password.
    package var description: String {
        let scheme = tls == .disabled ? "amqp" : "amqps"
        return "\(scheme)://\(user):***@\(hosts.map(\.description).joined(separator: ","))/\(virtualHost)"
    }

    package var debugDescription: String { description }
}

extension RabbitMQConfiguration: CustomReflectable {
    // Keeps `dump` and string interpolation of an enclosing value from showing the password.
    package var customMirror: Mirror { Mirror(self, children: ["address": description]) }
}
