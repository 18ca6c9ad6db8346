import ArgumentParser
import Broker
import Curl
import Jobs
import NIOPosix
import Pipeline
import Postgres
import Storage
import Worker

/// Runs steps; start as many as the nights need.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Takes steps from the broker and runs them. Start as many as the nights need.")

    func run() async throws {
        let cluster = try await Cluster(role: "worker")
        let settings = cluster.settings
        let postgres = try cluster.enginePostgres("worker")
        let pool = PostgresPool(configuration: postgres, logger: cluster.logger)
        let cancellations = PostgresListener(
            configuration: postgres, channels: [JobStore.cancelChannel], logger: cluster.logger)
        let kinds = try Self.kinds(settings.required("worker.kinds"))
        let slots = try settings.whole("worker.slots")
        let threads = NIOThreadPool(numberOfThreads: slots)
        threads.start()
        let http = try cluster.http()
        let handlers = try handlers(cluster, pool: pool, http: http, work: HeavyWork(threads: threads))
            .filter { kinds.contains($0.kind) }
        let topology = try cluster.topology()
        let reads = Dictionary(uniqueKeysWithValues: handlers.map { ($0.kind, $0.versions) })
        let consumer = StepConsumer(
            configuration: try cluster.rabbitMQ("consumer"), topology: topology, reads: reads,
            prefetch: UInt16(try settings.whole("worker.prefetch")), logger: cluster.logger)
        let drain = try settings.duration("worker.drainSeconds")
        let worker = WorkerService(
            database: pool, consumer: consumer, handlers: handlers,
            configuration: WorkerConfiguration(
                name: Cluster.processName, slots: slots, lease: try settings.duration("worker.leaseSeconds"),
                drain: drain,
                retries: RetryPolicy(
                    attemptLimit: try settings.whole("worker.attempts"),
                    firstDelay: try settings.duration("worker.retrySeconds"),
                    throttleLimit: try settings.whole("worker.throttles"))),
            cancellations: cancellations.notifications.map { _ in () }, logger: cluster.logger)
        let heard = reads.flatMap { kind, versions in versions.map { topology.queue(for: kind, version: $0) } }
        let watch = try cluster.brokerWatch(use: BrokerUse(queues: heard.sorted()))
        try await cluster.run([pool, cancellations, watch, consumer, worker], patience: drain + .seconds(10))
        http.shutdown()
        try await threads.shutdownGracefully()
    }

    private func handlers(_ cluster: Cluster, pool: PostgresPool, http: CurlClient, work: HeavyWork) throws
        -> [any StepHandler]
    {
        let settings = cluster.settings
        let artifacts = try cluster.artifacts()
        let jobs = JobStore(pool)
        let configuration = PipelineConfiguration(
            scratch: try settings.required("scratch.folder"),
            rosterLimit: Int64(try settings.whole("roster.limitBytes")),
            settle: try settings.duration("import.settleSeconds"),
            firstPoll: try settings.duration("polling.intervalSeconds"))
        return [
            ExtractStep(http: http, artifacts: artifacts, work: work, configuration: configuration),
            ConvertStep(jobs: jobs, artifacts: artifacts, work: work, configuration: configuration),
            ImportStep(
                jobs: jobs, imports: ImportStore(pool), artifacts: artifacts, work: work,
                client: cluster.canvasClients(http), configuration: configuration),
        ]
    }

    private static func kinds(_ text: String) throws -> [StepKind] {
        try text.split(separator: ",").map { word in
            let name = word.filter { !$0.isWhitespace }
            guard let kind = StepKind(rawValue: name) else {
                throw ConfigurationError(
                    description:
                        "ROSTERLINE_WORKER_KINDS has '\(name)'. Known: \(StepKind.allCases.map(\.rawValue).joined(separator: ", "))."
                )
            }
            return kind
        }
    }
}
