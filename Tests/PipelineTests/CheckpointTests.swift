import Artifacts
import Curl
import EngineTestSupport
import Foundation
import Jobs
import NIOConcurrencyHelpers
import NIOPosix
import Pipeline
import Postgres
import Simulators
import Storage
import TestSupport
import Testing

/// An attempt that ends after its checkpoint is followed by one that does not do its work again.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct CheckpointTests {
    /// An artifact store that takes no file of a certain name.
    private struct PickyStore: ArtifactStore {
        let store: FolderArtifactStore
        let refuses = NIOLockedValueBox("")

        func put(fileAt path: String) async throws(ArtifactError) -> StoredArtifact {
            if path.split(separator: "/").last.map(String.init) == refuses.withLockedValue(\.self) {
                throw ArtifactError(.notWritable, "The disk is full.")
            }
            return try await store.put(fileAt: path)
        }

        func materialize(_ sha256: [UInt8], at path: String) async throws(ArtifactError) {
            try await store.materialize(sha256, at: path)
        }

        func read(_ sha256: [UInt8]) -> ArtifactChunks { store.read(sha256) }

        func check() async throws(ArtifactError) { try await store.check() }
    }

    private struct Night: Sendable {
        let scene: CanvasScene
        let store: PickyStore
        let source: OneRosterServer
        let http: CurlClient
        let job: JobID

        var extract: ExtractStep {
            ExtractStep(
                http: http, artifacts: store, work: HeavyWork(threads: .singleton), configuration: scene.pipeline)
        }
        var convert: ConvertStep {
            ConvertStep(
                jobs: scene.database.jobs, artifacts: store, work: HeavyWork(threads: .singleton),
                configuration: scene.pipeline)
        }

        func names(_ kind: StepKind) async throws -> [String] {
            try await scene.database.jobs.artifacts(of: job, step: kind).map(\.name)
        }

        /// Deletes a stored file behind the store's back.
        func lose(_ names: [String], of kind: StepKind) async throws {
            for record in try await scene.database.jobs.artifacts(of: job, step: kind) where names.contains(record.name)
            {
                let digits = record.sha256.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
                try FileManager.default.removeItem(
                    atPath: "\(scene.folder)/artifacts/\(digits[0])/\(digits.dropFirst().joined())")
            }
        }

        /// Files of the store that no row names.
        func orphans() async throws -> [String] {
            let root = scene.folder + "/artifacts"
            let rows = Set(
                try await scene.database.details(job).artifacts.map { artifact in
                    artifact.sha256.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
                })
            return try FileManager.default.subpathsOfDirectory(atPath: root).filter { path in
                var isFolder: ObjCBool = false
                _ = FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder)
                return !isFolder.boolValue && !rows.contains(path.filter { $0 != "/" })
            }
        }
    }

    /// A job whose roster has to be downloaded.
    private func night(_ body: @escaping @Sendable (Night) async throws -> Void) async throws {
        try await CanvasScene.with { scene in
            let rosters = scene.folder + "/rosters"
            try FileManager.default.createDirectory(atPath: rosters, withIntermediateDirectories: true)
            _ = try SyntheticDistrict(people: 60, enrolments: 200).write(toZip: rosters + "/district.zip")
            let source = OneRosterServer(folder: rosters, logger: EngineDatabase.logger)
            try await source.whileServing { address in
                let http = CurlClient(logger: EngineDatabase.logger)
                defer { http.shutdown() }
                let integrations = IntegrationStore(scene.database.pool)
                _ = try await integrations.put(
                    integration: "nightly", name: "Nightly",
                    institution: try await integrations.put(institution: "school", name: "School"),
                    settings: IntegrationSettings(
                        source: .init(location: address + "/rosters/district.zip"),
                        canvas: .init(address: "http://127.0.0.1:1", token: "env:NOBODY_READS_THIS")))
                try await body(
                    Night(
                        scene: scene, store: PickyStore(store: scene.artifacts), source: source,
                        http: http, job: try await scene.database.begin()))
            }
        }
    }

    /// Runs an attempt that fails when it stores this file.
    private func failing(_ night: Night, _ handler: any StepHandler, at name: String) async throws {
        night.store.refuses.withLockedValue { $0 = name }
        let failure = await #expect(throws: StepFailure.self) { try await night.scene.attempt(handler, night.job) }
        #expect(failure?.code == "artifact.notWritable")
        night.store.refuses.withLockedValue { $0 = "" }
    }

    private func result(_ outcome: StepOutcome) throws -> StepResult {
        switch outcome {
        case .completed(let result), .completedWithWarnings(let result): return result
        default:
            Issue.record("it is not complete but \(outcome)")
            throw CancellationError()
        }
    }

    @Test func `a package that was downloaded is not asked for again`() async throws {
        try await night { night in
            try await failing(night, night.extract, at: "users.csv")
            #expect(night.source.served == 1)
            // It can be looked at from now on, whatever becomes of the step.
            #expect(try await night.names(.extract) == ["source.zip"])
            let result = try result(try await night.scene.attempt(night.extract, night.job))
            #expect(night.source.served == 1)
            #expect(result.counts["users.extracted"] == 60)
            #expect(try await night.names(.extract).contains("source.zip"))
            #expect(try await night.orphans() == [])
        }
    }

    @Test(arguments: ["", "{", #"{"version":99,"saved":{}}"#, #"{"version":1,"saved":{"page":3}}"#, "page 3"])
    func `a checkpoint that cannot be read is passed over`(text: String) async throws {
        try await night { night in
            try await failing(night, night.extract, at: "users.csv")
            try await night.scene.database.pool.execute("UPDATE step SET checkpoint = \(text) WHERE ordinal = 1")
            _ = try result(try await night.scene.attempt(night.extract, night.job))
            #expect(night.source.served == 2)
        }
    }

    @Test func `a package that the store has lost is downloaded again`() async throws {
        try await night { night in
            try await failing(night, night.extract, at: "users.csv")
            try await night.lose(["source.zip"], of: .extract)
            try await night.scene.attempt(night.extract, night.job)
            #expect(night.source.served == 2)
        }
    }

    @Test func `whoever runs a failed extract again has the source asked again`() async throws {
        try await night { night in
            let zip = night.source.folder + "/district.zip"
            let good = try Data(contentsOf: URL(filePath: zip))
            try Data("PK no roster at all".utf8).write(to: URL(filePath: zip))
            let failure = await #expect(throws: StepFailure.self) {
                try await night.scene.attempt(night.extract, night.job)
            }
            #expect(failure?.class == .permanent)
            #expect(try await night.names(.extract) == ["source.zip"], "what the source sent can be looked at")
            try good.write(to: URL(filePath: zip))
            _ = try await OperatorActions(night.scene.database.pool).retry(night.job, by: "mara", reason: "Mended.")
            try await night.scene.attempt(night.extract, night.job)
            #expect(night.source.served == 2)
        }
    }

    @Test func `what was converted is not converted again; only the zip is made`() async throws {
        try await night { night in
            try await night.scene.attempt(night.extract, night.job)
            let snapshot = try await night.names(.extract)
            try await failing(night, night.convert, at: "canvas.zip")
            let stored = try await night.names(.convert)
            #expect(stored.contains("users.csv") && !stored.contains("canvas.zip"))
            // Without the snapshot nobody can convert.
            try await night.lose(snapshot, of: .extract)
            let result = try result(try await night.scene.attempt(night.convert, night.job))
            #expect(result.counts["users.converted"] == 60 && result.counts["canvas.enrollments"] == 200)
            #expect(try await night.names(.convert) == (stored + ["canvas.zip"]).sorted())
        }
    }

    @Test func `a zip that was made from a checkpoint has the bytes of any other`() async throws {
        try await night { night in
            try await night.scene.attempt(night.extract, night.job)
            try await failing(night, night.convert, at: "canvas.zip")
            let resumed = try result(try await night.scene.attempt(night.convert, night.job))
            try await night.scene.database.pool.execute(
                "UPDATE step SET state = CASE ordinal WHEN 2 THEN 'queued' ELSE 'pending' END WHERE ordinal > 1")
            let whole = try result(try await night.scene.attempt(night.convert, night.job))
            #expect(Set(resumed.artifacts) == Set(whole.artifacts))
            #expect(resumed.counts == whole.counts && resumed.reason == whole.reason)
        }
    }

    @Test func `files of a conversion that the store has lost are made again, and the others left as they are`()
        async throws
    {
        try await night { night in
            try await night.scene.attempt(night.extract, night.job)
            try await failing(night, night.convert, at: "canvas.zip")
            let before = try await night.scene.database.jobs.artifacts(of: night.job, step: .convert)
            try await night.lose(["users.csv"], of: .convert)
            try await night.scene.attempt(night.convert, night.job)
            let after = try await night.scene.database.jobs.artifacts(of: night.job, step: .convert)
            #expect(after.filter { $0.name != "canvas.zip" } == before)
            for record in after {
                var bytes: Int64 = 0
                for try await chunk in night.store.read(record.sha256) { bytes += Int64(chunk.count) }
                #expect(bytes == record.bytes, "\(record.name)")
            }
            #expect(try await night.orphans() == [])
        }
    }
}
