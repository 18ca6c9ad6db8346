/// How a `CurlClient` connects, and the limits it keeps.
package struct CurlConfiguration: Sendable {
    /// From the start of a request until the connection, TLS included, stands; default 10 s.
    package var connectTimeout: Duration
    /// A transfer slower than this many bytes a second for `lowSpeedTime` is given up; default 1. Paused transfers
    /// are not measured.
    package var lowSpeedLimit: Int
    /// See `lowSpeedLimit`; whole seconds, default 60 s. What ends a stalled upload, where a total would cut a long
    /// honest one.
    package var lowSpeedTime: Duration
    /// For the whole of one request, time spent waiting for a free connection and for a slow reader included; nil
    /// (default) = none.
    package var totalTimeout: Duration?
    /// Connections to one host at once; further requests wait. Default 8.
    package var maxConnectionsPerHost: Int
    /// Connections at once to all hosts together, and how many idle ones are kept; default 64.
    package var maxConnections: Int
    /// Requests at once, those waiting for a connection included; one more is refused with `.overloaded`. Default 10
    /// 000.
    package var maxRequests: Int
    /// Such as `http://proxy.school.example:3128`, user and password allowed; nil (default) = direct, whatever the
    /// environment says.
    package var proxy: String?
    /// Hosts reached directly in spite of `proxy`; a leading dot is not needed for sub-domains. Default none.
    package var noProxy: [String]
    /// A PEM file of the authorities to trust instead of the system's; nil (default) = the system's.
    package var caFile: String?
    /// An idle connection older than this is not used again, as load balancers cut them silently; whole seconds,
    /// default 60 s.
    package var maxIdleAgeOfConnection: Duration
    /// A connection older than this is not used again, so that changes of DNS are seen; whole seconds, default 10 min.
    package var maxLifetimeOfConnection: Duration
    /// The `User-Agent` of requests that bring none; default `rosterline`.
    package var userAgent: String
    /// The default limit of `CurlResponse.collect()`; default 16 MiB.
    package var maxResponseBodyBytes: Int
    /// Whether 3xx answers with a `Location` are followed; default false. A request can say otherwise.
    package var followRedirects: Bool
    /// How many redirects one request may follow; default 5.
    package var maxRedirects: Int
    /// Whether HTTP/2 is offered in the TLS handshake; default true. Without TLS it is always HTTP/1.1.
    package var http2: Bool
    /// Whether compressed answers are asked for and unpacked on the way; default true. Limits count unpacked bytes.
    package var decompress: Bool

    /// All defaults; set what differs.
    package init() {
        connectTimeout = .seconds(10)
        lowSpeedLimit = 1
        lowSpeedTime = .seconds(60)
        totalTimeout = nil
        maxConnectionsPerHost = 8
        maxConnections = 64
        maxRequests = 10_000
        proxy = nil
        noProxy = []
        caFile = nil
        maxIdleAgeOfConnection = .seconds(60)
        maxLifetimeOfConnection = .seconds(600)
        userAgent = "rosterline"
        maxResponseBodyBytes = 16 << 20
        followRedirects = false
        maxRedirects = 5
        http2 = true
        decompress = true
    }
}

extension CurlConfiguration: CustomStringConvertible, CustomReflectable {
    /// Without the proxy's address, which may carry a password.
    package var description: String {
        "CurlConfiguration(connectTimeout: \(connectTimeout), maxConnectionsPerHost: \(maxConnectionsPerHost), "
            + "proxy: \(proxy == nil ? "none" : "set"), caFile: \(caFile ?? "system"), http2: \(http2))"
    }

    /// As `description`, so that `dump` shows no more.
    package var customMirror: Mirror { Mirror(self, children: ["summary": description]) }
}

/// What one request does differently from its client's `CurlConfiguration`; nil = as configured there.
package struct CurlRequestOptions: Sendable {
    /// See `CurlConfiguration.connectTimeout`.
    package var connectTimeout: Duration?
    /// See `CurlConfiguration.lowSpeedTime`.
    package var lowSpeedTime: Duration?
    /// See `CurlConfiguration.totalTimeout`.
    package var totalTimeout: Duration?
    /// See `CurlConfiguration.followRedirects`. `Authorization` and `Cookie` are not sent on to another host.
    package var followRedirects: Bool?

    package init(
        connectTimeout: Duration? = nil,
        lowSpeedTime: Duration? = nil,
        totalTimeout: Duration? = nil,
        followRedirects: Bool? = nil
    ) {
        self.connectTimeout = connectTimeout
        self.lowSpeedTime = lowSpeedTime
        self.totalTimeout = totalTimeout
        self.followRedirects = followRedirects
    }
}

extension Duration {
    /// For libcurl's timeouts, where 0 would mean none: at least 1.
    var milliseconds: Int {
        max(1, Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000))
    }

    /// Rounded up, at least 1.
    var wholeSeconds: Int { max(1, Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0)) }
}
