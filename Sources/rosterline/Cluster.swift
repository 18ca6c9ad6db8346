import Artifacts
import Broker
import Canvas
import Curl
import Foundation
import Jobs
import Logging
import NIOPosix
import Observability
import Postgres
import RabbitMQ
import Secrets
import ServiceLifecycle
import Storage
import UnixSignals

/// What every role is built from; here, and nowhere else, the services meet.
struct Cluster: Sendable {
    let settings: Settings
    let logger: Logger
    let registry: PrometheusRegistry

    init(role: String) async throws {
        settings = try await Settings()
        let level = Logger.Level(rawValue: try settings.required("log.level")) ?? .info
        let format: Observability.LogFormat = try settings.required("log.format") == "text" ? .text : .json
        registry = Observability.bootstrap(level: level, format: format, service: role)
        logger = Logger(label: "rosterline.\(role)")
    }

    func postgres(_ role: String) throws -> PostgresConfiguration {
        var configuration = try PostgresConfiguration(url: settings.required("postgres.url"))
        configuration.poolSize = try settings.whole("postgres.poolSize")
        configuration.applicationName = "rosterline-\(role)"
        return configuration
    }

    /// For the engine's own statements, which look up by key.
    func enginePostgres(_ role: String) throws -> PostgresConfiguration {
        var configuration = try postgres(role)
        configuration.planning = .onceByIndex
        return configuration
    }

    func rabbitMQ(_ connection: String) throws -> RabbitMQConfiguration {
        var configuration = try RabbitMQConfiguration(url: settings.required("rabbitmq.url"))
        configuration.connectionName = "rosterline \(connection) \(Self.processName)"
        return configuration
    }

    func topology() throws -> BrokerTopology {
        BrokerTopology(prefix: try settings.required("rabbitmq.prefix"))
    }

    func artifacts() throws -> FolderArtifactStore {
        FolderArtifactStore(folder: try settings.required("artifacts.folder"))
    }

    func http() throws -> CurlClient {
        var configuration = CurlConfiguration()
        configuration.proxy = settings.optional("http.proxy")
        configuration.caFile = settings.optional("http.caFile")
        return CurlClient(configuration: configuration, logger: logger)
    }

    /// Makes clients for Canvas accounts; each reads its token anew for each request, so that it can be changed at
    /// any time.
    func canvasClients(_ http: CurlClient) -> @Sendable (IntegrationSettings.CanvasAccount) throws -> CanvasClient {
        { [logger] account in
            guard var configuration = CanvasConfiguration(baseURL: account.address) else {
                throw StepFailure(
                    .permanent, code: "canvas.address",
                    message:
                        "'\(account.address)' is no address of a Canvas. Give it as https://school.instructure.com.")
            }
            configuration.accountID = account.account
            let reference: SecretReference
            do {
                reference = try SecretReference(parsing: account.token)
            } catch {
                throw StepFailure(.permanent, code: "secret.reference", message: "\(error)")
            }
            return CanvasClient(configuration: configuration, http: http, logger: logger) {
                try SecretSource().read(reference).reveal
            }
        }
    }

    /// Runs services until SIGTERM or SIGINT, which end them in reverse order and gently; a second signal, or
    /// `patience`, ends them at once.
    func run(_ services: [any Service], patience: Duration = .seconds(10)) async throws {
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        configuration.maximumGracefulShutdownDuration = patience
        configuration.maximumCancellationDuration = .seconds(5)
        let group = ServiceGroup(configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask { await Self.secondSignal() }
            try await tasks.next()
            tasks.cancelAll()
        }
    }

    private static func secondSignal() async {
        var signals = 0
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            signals += 1
            if signals == 2 { return }
        }
    }

    /// Host, process and a random part: what a lease and a connection are told apart by.
    static let processName =
        "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)-"
        + String(UInt32.random(in: .min ... .max), radix: 36)

    /// The group tells of every service's every stage; only what went wrong is of use here.
    private var quiet: Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .error)
        return logger
    }
}
