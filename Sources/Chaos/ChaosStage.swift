import FoundationEssentials
import Glibc
package import LocalServers
package import Logging

/// The servers and programs that scenarios play on: a private Postgres, a private RabbitMQ, and the two programs.
package struct ChaosStage: Sendable {
    package let postgres: LocalPostgres
    package let rabbitMQ: LocalRabbitMQ
    /// Path of `rosterline`.
    package let product: String
    /// Path of `rosterline-chaos`.
    package let program: String
    /// Holds a folder for each scenario with its logs.
    package let folder: String
    package let logger: Logger

    /// Starts the servers; they end with us, however we end.
    ///
    /// - Parameters:
    ///   - programs: the folder with both programs.
    ///   - folder: made when missing; it stays.
    /// - Throws: `ServerError`.
    package static func start(programs: String, folder: String, logger: Logger) async throws -> ChaosStage {
        for name in ["rosterline", "rosterline-chaos"] where access("\(programs)/\(name)", X_OK) != 0 {
            throw ServerError(
                .missingProgram, operation: "find \(programs)/\(name)",
                remedy: "Build it: swift build --product \(name)")
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        async let postgres = LocalPostgres.start(settings: ["max_connections": "400"])
        async let rabbitMQ = LocalRabbitMQ.start()
        return ChaosStage(
            postgres: try await postgres, rabbitMQ: try await rabbitMQ, product: programs + "/rosterline",
            program: programs + "/rosterline-chaos", folder: folder, logger: logger)
    }

    /// Ends the servers.
    package func stop() async throws {
        try await rabbitMQ.stop()
        try await postgres.stop()
    }
}
