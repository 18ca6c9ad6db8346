/// Where the status service listens, and the limits it keeps.
package struct StatusConfiguration: Sendable {
    /// Address to bind; default 127.0.0.1, so that nothing is open to a network by accident.
    package var host: String
    /// 0 takes a free one; default 8080.
    package var port: Int
    /// Reads the token that every request must carry, but those for health; nil (default) = anybody may look. Asked for
    /// each request, so that a token can be changed without a restart.
    package var token: (@Sendable () throws -> String)?
    /// How long a page may wait for Postgres before it answers 503; default 10 s.
    package var readTimeout: Duration
    /// How long one readiness check may take; default 3 s.
    package var checkTimeout: Duration
    /// Connections at once; further ones wait unaccepted. Default 512.
    package var connectionLimit: Int
    /// An idle connection is closed after this many seconds; default 60.
    package var idleSeconds: Int

    package init(
        host: String = "127.0.0.1", port: Int = 8080, token: (@Sendable () throws -> String)? = nil,
        readTimeout: Duration = .seconds(10), checkTimeout: Duration = .seconds(3), connectionLimit: Int = 512,
        idleSeconds: Int = 60
    ) {
        precondition((0...65_535).contains(port), "a port is 0 to 65535: \(port)")
        self.host = host
        self.port = port
        self.token = token
        self.readTimeout = readTimeout
        self.checkTimeout = checkTimeout
        self.connectionLimit = connectionLimit
        self.idleSeconds = idleSeconds
    }
}

extension StatusConfiguration {
    /// Whether pages show buttons: a token is there to tell who may press them.
    func offersChanges(_ sources: StatusSources) -> Bool { token != nil && sources.operations != nil }
}

/// Something that must work before this process is sent requests.
package struct ReadinessCheck: Sendable {
    /// Such as `rabbitmq`; a key in the answer.
    package let name: String
    /// Returns if all is well. The description of what it throws is shown without a login: it must hold no data.
    package let check: @Sendable () async throws -> Void

    package init(_ name: String, check: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.check = check
    }
}
