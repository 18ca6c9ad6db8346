package import Artifacts
package import Canvas
import Curl
import Foundation
package import Jobs
import NIOConcurrencyHelpers
package import Simulators
import Storage

/// A simulated Canvas, a database whose integration leads to it, and an artifact store, all of one test.
package struct CanvasScene: Sendable {
    package let database: EngineDatabase
    package let simulator: CanvasSimulator
    package let artifacts: FolderArtifactStore
    /// A folder of the test's own.
    package let folder: String
    /// Makes clients for an integration's account, as the services want them.
    package let client: @Sendable (IntegrationSettings.CanvasAccount) throws -> CanvasClient
    private let address: String
    private let token: NIOLockedValueBox<String>

    /// Runs the body; by default imports run at once, and the file of errors is there with the end.
    package static func with(
        _ configure: (inout CanvasSettings) -> Void = { _ in },
        _ body: @escaping @Sendable (CanvasScene) async throws -> Void
    ) async throws {
        var settings = CanvasSettings()
        settings.errorsFileDelay = .zero
        settings.restAfterAbort = .zero
        configure(&settings)
        let simulator = try CanvasSimulator(settings: settings, logger: EngineDatabase.logger)
        let folder = FileManager.default.temporaryDirectory.path + "/canvas-scene-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await simulator.whileServing { address in
            let http = CurlClient(logger: EngineDatabase.logger)
            defer { http.shutdown() }
            let token = NIOLockedValueBox("simulator-token")
            try await EngineDatabase.with(settings: EngineDatabase.settings(canvas: address)) { database in
                try await body(
                    CanvasScene(
                        database: database, simulator: simulator,
                        artifacts: FolderArtifactStore(folder: folder + "/artifacts"), folder: folder,
                        client: { try makeClient($0, http, token) }, address: address, token: token))
            }
        }
    }

    /// Changes the access token that clients send from now on; an empty one cannot be read at all.
    package func use(token text: String) {
        token.withLockedValue { $0 = text }
    }

    /// A client with the present token.
    package var canvas: CanvasClient {
        get throws { try client(.init(address: address, token: "env:NOBODY_READS_THIS")) }
    }

    /// Begins a job and claims its import step.
    package func claimImport(artifacts: [ArtifactRecord] = []) async throws -> StepLease {
        let job = try await database.begin()
        try await database.complete(job, before: 2)
        try await database.end(
            database.claim(job, 2).lease, .complete, as: .completed, result: .init(artifacts: artifacts))
        return try await database.claim(job, 3).lease
    }

    /// A job whose import step waits for a Canvas import of this CSV, or for one of this id that nobody has made.
    package func wait(for csv: String, as canvasID: String? = nil) async throws -> StepLease {
        let lease = try await claimImport()
        let path = "\(folder)/\(lease.step.job).csv"
        try Data(csv.utf8).write(to: URL(filePath: path))
        _ = try await database.imports.intend(
            1, lease: lease, fileName: "test.csv", sha256: Array(repeating: 1, count: 32))
        var id = canvasID
        if id == nil {
            id = try await canvas.createSISImport(file: path, fileName: "test.csv", contentType: .csv).id
        }
        _ = try await database.imports.submitted(
            1, lease: lease, canvasID: id ?? "", adopted: false, workflowState: "created", nextPollAt: Date())
        try await database.end(lease, .await, as: .waiting)
        return lease
    }
}

private func makeClient(
    _ account: IntegrationSettings.CanvasAccount, _ http: CurlClient, _ token: NIOLockedValueBox<String>
) throws -> CanvasClient {
    guard let configuration = CanvasConfiguration(baseURL: account.address) else {
        throw StepFailure(.permanent, code: "canvas.address", message: "No address: \(account.address).")
    }
    let text = token.withLockedValue(\.self)
    if text.isEmpty { throw StepFailure(.permanent, code: "secret.unreadable", message: "The token cannot be read.") }
    return CanvasClient(configuration: configuration, http: http, logger: EngineDatabase.logger) { text }
}
