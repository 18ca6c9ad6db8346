package import Artifacts
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
package import Observability
import ServiceLifecycle
package import Storage

/// Shows what the engine does: a JSON API, pages for people, health and metrics. With a token it also takes orders of
/// operators; without one it changes nothing.
///
/// Any number may run. Without Postgres it stays up and says so: `health/live` is 200, `health/ready` 503, pages 503.
/// On graceful shutdown it accepts no more and finishes what it is answering; cancellation cuts that short.
package struct StatusService: Service {
    private let configuration: StatusConfiguration
    private let sources: StatusSources
    private let logger: Logger
    private let onReady: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - queries: over a pool; a connection of one's own would make pages wait for one another.
    ///   - registry: whose metrics `/api/v1/metrics` shows, beside those of the engine.
    ///   - checks: what else must work before `health/ready` says so; Postgres and its schema are always checked.
    ///   - operations: what operators can do; nil leaves the pages and routes of that out.
    ///   - onReady: called with the port once requests are accepted.
    package init(
        configuration: StatusConfiguration, queries: StatusQueries, artifacts: any ArtifactStore,
        registry: PrometheusRegistry, checks: [ReadinessCheck] = [], operations: OperatorActions? = nil,
        logger: Logger, onReady: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.sources = StatusSources(
            reader: StatusReader(queries: queries, timeout: configuration.readTimeout), artifacts: artifacts,
            registry: registry, checks: checks,
            operations: operations.map { StatusOperations(actions: $0, timeout: configuration.readTimeout) })
        self.logger = logger
        self.onReady = onReady
    }

    package func run() async throws {
        let router = try StatusRouter.build(configuration: configuration, sources: sources)
        let application = Application(
            router: router,
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    idleTimeout: .seconds(Int64(configuration.idleSeconds)),
                    // 16 KiB of header is twice what browsers and proxies send.
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                availableConnectionsDelegate: MaximumAvailableConnections(configuration.connectionLimit)),
            onServerRunning: { [configuration, logger, onReady] channel in
                let port = channel.localAddress?.port ?? configuration.port
                logger.info(
                    "Status service is listening",
                    metadata: [StatusKeys.Log.host: "\(configuration.host)", StatusKeys.Log.port: "\(port)"])
                await onReady(port)
            },
            logger: logger)
        try await application.run()
    }
}

/// Where the answers come from.
struct StatusSources: Sendable {
    let reader: StatusReader
    let artifacts: any ArtifactStore
    let registry: PrometheusRegistry
    let checks: [ReadinessCheck]
    let operations: StatusOperations?
}
