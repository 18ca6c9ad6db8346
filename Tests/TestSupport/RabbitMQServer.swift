package import LocalServers
package import Testing

/// A RabbitMQ node for tests.
///
/// Most tests share one, started by the first suite that asks for it and stopped when the process ends; they keep
/// apart by prefixes. A suite that raises alarms or kills nodes has one of its own.
package struct RabbitMQServer: Sendable {
    /// Set inside suites and tests that carry the trait `.rabbitMQ`.
    @TaskLocal package static var current: RabbitMQServer?

    package let local: LocalRabbitMQ

    package var host: String { local.host }
    package var port: Int { local.port }
    package var user: String { local.user }
    package var password: String { local.password }
    package var virtualHost: String { local.virtualHost }

    // One for the whole process; a `Task` because a static constant cannot await. It is the node's only owner.
    private static let shared = Task {
        RabbitMQServer(local: try await LocalRabbitMQ.start())
    }

    /// The node of the suite that is running, or the shared one, started at need.
    package static func start() async throws -> RabbitMQServer {
        if let current { return current }
        return try await shared.value
    }

    /// A name for the queues and exchanges of one test, which no other test uses.
    package static func prefix() -> String {
        "test\(UInt64.random(in: 0...UInt64.max))."
    }
}

/// Hands a node to every test of a suite; see `RabbitMQServer.current`.
package struct RabbitMQServerTrait: SuiteTrait, TestTrait, TestScoping {
    /// Whether the suite gets a node of its own.
    package let isOwn: Bool

    // A node of its own is started once for the suite; the shared one is handed to whoever is inside.
    package var isRecursive: Bool { !isOwn }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard isOwn else {
            let server = try await RabbitMQServer.start()
            try await RabbitMQServer.$current.withValue(server) { try await function() }
            return
        }
        let local = try await LocalRabbitMQ.start(tls: true)
        // It ends with the last reference to it, whatever happened inside.
        try await RabbitMQServer.$current.withValue(RabbitMQServer(local: local)) { try await function() }
    }
}

extension Trait where Self == RabbitMQServerTrait {
    /// A real RabbitMQ node, shared with other suites; when it cannot be started, the tests fail and name the remedy.
    package static var rabbitMQ: RabbitMQServerTrait { RabbitMQServerTrait(isOwn: false) }

    /// A RabbitMQ node for this suite alone, with TLS; for suites that are serialized and do harm to it.
    package static var ownRabbitMQ: RabbitMQServerTrait { RabbitMQServerTrait(isOwn: true) }
}
