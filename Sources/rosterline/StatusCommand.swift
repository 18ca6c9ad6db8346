import ArgumentParser
import Broker
import Curl
import Foundation
import ImportPolling
import Postgres
import StatusAPI
import Storage

/// Asks Canvas about its imports, and shows people what happened.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Polls Canvas about running imports, and serves the API and the pages.")

    func run() async throws {
        let cluster = try await Cluster(role: "status")
        let settings = cluster.settings
        let pool = PostgresPool(configuration: try cluster.postgres("status"), logger: cluster.logger)
        let artifacts = try cluster.artifacts()
        let http = try cluster.http()
        let polling = ImportPollingService(
            database: pool, artifacts: artifacts, client: cluster.canvasClients(http),
            configuration: ImportPollingConfiguration(
                interval: try settings.duration("polling.intervalSeconds"),
                scratch: try settings.required("scratch.folder")), logger: cluster.logger)
        let broker = try cluster.rabbitMQ("readiness")
        let topology = try cluster.topology()
        let token = settings.optional("status.token")
        let status = StatusService(
            configuration: StatusConfiguration(
                host: try settings.required("status.host"), port: try settings.whole("status.port"),
                token: token.map { token in { @Sendable in token } }),
            queries: StatusQueries(pool), artifacts: artifacts, registry: cluster.registry,
            checks: [
                ReadinessCheck("rabbitmq") {
                    let missing = try await topology.missing(broker)
                    guard missing.isEmpty else {
                        throw ConfigurationError(
                            description: "missing in the broker: \(missing.joined(separator: ", "))")
                    }
                }
            ],
            operations: OperatorActions(pool), logger: cluster.logger)
        // It neither publishes nor consumes, but its metrics are the ones that are served.
        let watch = try cluster.brokerWatch(use: BrokerUse(), readsSettings: true)
        try await cluster.run([pool, watch, polling, status])
        http.shutdown()
    }
}
