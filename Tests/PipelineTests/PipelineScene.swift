import Archives
import Artifacts
import Curl
import EngineTestSupport
import Foundation
import ImportPolling
import Jobs
import NIOPosix
import Pipeline
import Postgres
import Simulators
import Storage
import TestSupport
import Testing

/// The product's own steps and poller over a scene's database, artifact store and Canvas.
extension CanvasScene {
    struct Silent: Jobs.ProgressReporting {
        func report(fraction: Double, counts: [String: Int64]) {}
    }

    var pipeline: PipelineConfiguration { PipelineConfiguration(scratch: folder + "/scratch", settle: .zero) }

    var importStep: ImportStep {
        ImportStep(
            jobs: database.jobs, imports: database.imports, artifacts: artifacts,
            work: HeavyWork(threads: .singleton), client: client, configuration: pipeline)
    }

    /// Runs an attempt at a step, and writes down what the engine would.
    @discardableResult
    func attempt(_ handler: any StepHandler, _ job: JobID) async throws -> StepOutcome {
        let ordinal = Int16((JobKind.rosterSync.steps.firstIndex(of: handler.kind) ?? 0) + 1)
        let claim = try await database.claim(job, ordinal)
        let context = StepContext(
            lease: claim.lease, job: claim.job, failures: claim.failures, rescues: claim.rescues, progress: Silent(),
            checkpoint: claim.checkpoint, checkpoints: database.steps, logger: EngineDatabase.logger)
        do {
            let outcome = try await handler.run(context)
            switch outcome {
            case .completed(let result):
                try await database.end(claim.lease, .complete, as: .completed, result: result)
            case .completedWithWarnings(let result):
                try await database.end(claim.lease, .completeWithWarnings, as: .completed, result: result)
            case .waiting(let result): try await database.end(claim.lease, .await, as: .waiting, result: result)
            case .skipped, .held: Issue.record("nobody expects \(outcome) here")
            }
            return outcome
        } catch let failure as StepFailure where failure.class == .permanent {
            try await database.end(claim.lease, .fail, as: .failed) { $0.errorCode = failure.code }
            throw failure
        } catch {
            // As the engine would: a cancelled task's end is written by nobody but it.
            _ = try await Task {
                try await database.end(claim.lease, .interrupt, as: .interrupted) { $0.runAfter = Date() }
            }.value
            throw error
        }
    }

    /// Polls Canvas until the import step has ended.
    func awaitCanvas(_ job: JobID) async throws {
        let poller = ImportPollingService(
            database: database.pool, artifacts: artifacts, client: client,
            configuration: ImportPollingConfiguration(interval: .milliseconds(10), scratch: folder + "/scratch"),
            logger: EngineDatabase.logger)
        try await eventually("Canvas has ended the import") {
            try await database.pool.execute(
                "UPDATE sis_import SET next_poll_at = now() WHERE next_poll_at IS NOT NULL")
            _ = try await poller.pollDue()
            return try await database.step(job, 3).state.isEnd
        }
    }

    /// A job whose conversion left these files, as far as its import step.
    func converted(_ tables: [(name: String, text: String)]) async throws -> JobID {
        let job = try await database.begin()
        try await database.complete(job, before: 2)
        let lease = try await database.claim(job, 2).lease
        let path = "\(folder)/\(job).zip"
        var archive = try ZipWriter(path: path)
        for (name, text) in tables {
            try archive.add(bytes: Array(text.utf8), as: BatchName(job: job, batch: 1).fileName(name))
        }
        try archive.finish()
        let stored = try await artifacts.put(fileAt: path)
        let record = ArtifactRecord(
            name: "canvas.zip", mediaType: "application/zip", bytes: stored.bytes, sha256: stored.sha256)
        try await database.end(lease, .complete, as: .completed, result: StepResult(artifacts: [record]))
        return job
    }

    /// The files of Canvas's last upload, by their names.
    func lastUpload() throws -> [String: String] {
        let upload = try #require(simulator.imports.last?.upload)
        var reader = try ZipReader(path: upload.path)
        var files: [String: String] = [:]
        while let entry = try reader.nextEntry() {
            var bytes: [UInt8] = []
            var block = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = try block.withUnsafeMutableBytes { try reader.read(into: $0) }
                guard count > 0 else { break }
                bytes += block[..<count]
            }
            files[entry.path] = String(decoding: bytes, as: UTF8.self)
        }
        return files
    }
}
