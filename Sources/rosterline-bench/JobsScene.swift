internal import Foundation
internal import LocalServers

/// The private servers of a benchmark, and what every contestant is told.
struct JobsScene: Sendable {
    let postgres: LocalPostgres
    let rabbitMQ: LocalRabbitMQ
    let peers: PeerEnvironment?
    /// For logs and files of the contestants.
    let folder: String
    /// This program, to be started as a contestant.
    let program: String

    /// Runs the body with servers of its own, at their default settings, and stops them whatever comes of it.
    static func with(
        peers: PeerEnvironment?, folder: String, settings: [String: String] = [:],
        _ body: (JobsScene) async throws -> Void
    ) async throws {
        let postgres = try await LocalPostgres.start(settings: settings)
        let rabbitMQ: LocalRabbitMQ
        do {
            rabbitMQ = try await LocalRabbitMQ.start()
        } catch {
            try? await postgres.stop()
            throw error
        }
        let scene = JobsScene(
            postgres: postgres, rabbitMQ: rabbitMQ, peers: peers, folder: folder,
            program: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        do {
            try await body(scene)
        } catch {
            try? await rabbitMQ.stop()
            try? await postgres.stop()
            throw error
        }
        try await rabbitMQ.stop()
        try await postgres.stop()
    }

    func databaseURL(_ name: String) -> String {
        "postgresql://\(postgres.user)@\(postgres.host):\(postgres.port)/\(name)"
    }

    /// What a contestant finds in its environment.
    ///
    /// - Parameter queue: of the broker; the prefix of all queues for the engine.
    func environment(database: String, queue: String, statements: String?) -> [String] {
        var variables = ProcessInfo.processInfo.environment
        variables["BENCH_POSTGRES"] = databaseURL(database)
        variables["BENCH_AMQP"] = rabbitMQ.url + "/%2F"
        variables["BENCH_AMQP_HOST"] = rabbitMQ.host
        variables["BENCH_AMQP_PORT"] = "\(rabbitMQ.port)"
        variables["BENCH_AMQP_USER"] = rabbitMQ.user
        variables["BENCH_AMQP_PASSWORD"] = rabbitMQ.password
        variables["BENCH_QUEUE"] = queue
        variables["BENCH_STATEMENTS"] = statements
        if let peers {
            variables["PATH"] = peers.programs + ":" + (variables["PATH"] ?? "/usr/bin:/bin")
            variables["PYTHONPATH"] = peers.folder
            variables["PYTHONDONTWRITEBYTECODE"] = nil
        }
        return variables.map { "\($0.key)=\($0.value)" }
    }

    /// Seconds of processor time so far.
    func serverTimes() async -> (postgres: Double, broker: Double) {
        let database = await postgres.processIdentifier.map { ProcessTimes.seconds(ofTree: $0) }
        let broker = await rabbitMQ.nodeProcessIdentifier.map { ProcessTimes.seconds(ofTree: $0) }
        return (database ?? 0, broker ?? 0)
    }
}
