import Archives
package import Artifacts
package import Canvas
import FoundationEssentials
package import Jobs
import Logging
package import Storage

/// Hands the converted files to Canvas as one SIS import, once.
///
/// Before a request leaves, the intent is written down. An attempt that finds an intent without an answer does not
/// send: it looks for the import in Canvas's list first, and adopts it if it is there (`SubmissionPolicy`). When
/// Canvas has the import, the poller takes over and this attempt ends. A step that is run again after its import ended
/// begins a batch of its own: what Canvas has ended is never adopted. Where a list of refused rows is among the step's
/// files, only those rows are sent (`ImportPacking`).
package struct ImportStep: StepHandler {
    package let kind = StepKind.importBatch

    private let packing: ImportPacking
    private let imports: ImportStore
    private let files: StoredFiles
    private let client: @Sendable (IntegrationSettings.CanvasAccount) throws -> CanvasClient
    private let configuration: PipelineConfiguration

    /// - Parameter client: makes the client of an integration's account, its token read anew.
    package init(
        jobs: JobStore, imports: ImportStore, artifacts: any ArtifactStore, work: HeavyWork,
        client: @escaping @Sendable (IntegrationSettings.CanvasAccount) throws -> CanvasClient,
        configuration: PipelineConfiguration
    ) {
        self.imports = imports
        files = StoredFiles(store: artifacts)
        packing = ImportPacking(jobs: jobs, files: files, work: work, scratch: configuration.scratch)
        self.client = client
        self.configuration = configuration
    }

    package func run(_ context: StepContext) async throws -> StepOutcome {
        guard let parcel = try await packing.parcel(context) else {
            return .skipped(reason: "The conversion left nothing to send.")
        }
        let account = try IntegrationSettings(decoding: context.job.settings).canvas
        let canvas = try client(account)
        do {
            let last = try await imports.latest(of: context.lease.step)
            let live = last.flatMap { $0.isEnded ? nil : $0 }
            let number = live?.number ?? (last?.number ?? 0) + 1
            let found = try await live.asyncFlatMap {
                try await earlierImport($0, parcel.archive, context: context, account: account, canvas: canvas)
            }
            let (id, state) = try await found.asyncOr {
                try await submit(parcel.archive, as: number, context: context, canvas: canvas)
            }
            guard try await note(id, state, of: number, adopted: found != nil, context) else { throw Self.leaseLost }
            context.logger.info(
                "Canvas has the import", metadata: ["canvas.import": "\(id)", "adopted": "\(found != nil)"])
            return .waiting(parcel.handedOver(as: id))
        } catch let error as CanvasError {
            throw CanvasFailure.failure(error)
        }
    }

    /// Writes down what Canvas made of the batch, also if this attempt is told to stop just now: a cancelled job's
    /// import can be aborted only by its number.
    private func note(
        _ id: String, _ state: String, of number: Int, adopted: Bool, _ context: StepContext
    ) async throws -> Bool {
        let first = Date().addingTimeInterval(configuration.firstPoll / .seconds(1))
        // A task of its own hears of no cancellation; it is one statement, waited for here, and bounded by the pool.
        return try await Task { [imports] in
            try await imports.submitted(
                number, lease: context.lease, canvasID: id, adopted: adopted, workflowState: state, nextPollAt: first)
        }.value
    }

    /// The import of an attempt before this one, if there was one and Canvas has it.
    private func earlierImport(
        _ batch: ImportStore.Batch, _ archive: ArtifactRecord, context: StepContext,
        account: IntegrationSettings.CanvasAccount, canvas: CanvasClient
    ) async throws -> (id: String, state: String)? {
        if let id = batch.canvasID { return (id, "created") }
        guard batch.submissions > 0 else { return nil }
        // Canvas's clock need not agree with ours; a minute too early only lists more.
        let listed = try await newest(canvas.sisImports(createdSince: batch.intendedAt.addingTimeInterval(-60)))
        let known = try await imports.known(listed.map(\.id), address: account.address)
        let decision = SubmissionPolicy.decide(
            name: BatchName(job: context.job.id, batch: batch.number),
            contents: listed.isEmpty ? [] : try await contents(of: archive, context: context),
            intendedAt: batch.intendedAt,
            candidates: listed.filter { !known.contains($0.id) }.map {
                .init(id: $0.id, isEnded: $0.state.isTerminal, fileNames: $0.csvAttachments.map(\.name))
            },
            now: Date(), settle: configuration.settle / .seconds(1))
        switch decision {
        case .send: return nil
        case .adopt(let id):
            return (id, listed.first { $0.id == id }?.state.name ?? "created")
        case .wait(let until):
            throw StepFailure(
                .postponed(until: until), code: "import.unsettled",
                message:
                    "An earlier request to Canvas got no answer; nothing is sent until it is known whether it arrived.")
        case .ambiguous(let ids):
            throw StepFailure(
                .permanent, code: "import.ambiguous",
                message:
                    "Canvas lists imports that may or may not be ours: \(ids). Look at them in Canvas before running this again."
            )
        }
    }

    /// Names of the files inside the archive. They may carry another name than this batch's: that of the job from which
    /// the archive was taken over, or that of the batch before.
    private func contents(of archive: ArtifactRecord, context: StepContext) async throws -> Set<String> {
        try await Scratch.with(in: configuration.scratch, lease: context.lease) { scratch in
            try await files.fetch([archive], into: scratch.path)
            do {
                return Set(try ZipReader.entries(of: "\(scratch.path)/\(archive.name)").map(\.path))
            } catch {
                throw StepFailure(
                    .permanent, code: "artifact.corrupt", message: "The converted archive cannot be read: \(error)")
            }
        }
    }

    /// What Canvas lists, up to a limit that a minute of imports never reaches.
    private func newest(_ pages: CanvasPages<SISImport>) async throws -> [SISImport] {
        var listed: [SISImport] = []
        for try await one in pages {
            listed.append(one)
            if listed.count == 1000 { break }
        }
        return listed
    }

    private func submit(
        _ archive: ArtifactRecord, as number: Int, context: StepContext, canvas: CanvasClient
    ) async throws -> (id: String, state: String) {
        let name = BatchName(job: context.job.id, batch: number)
        return try await Scratch.with(in: configuration.scratch, lease: context.lease) { scratch in
            try await files.fetch([archive], into: scratch.path)
            guard
                try await imports.intend(
                    number, lease: context.lease, fileName: name.archive, sha256: archive.sha256)
            else { throw Self.leaseLost }
            do {
                let made = try await canvas.createSISImport(
                    file: "\(scratch.path)/\(archive.name)", fileName: name.archive, contentType: .zip)
                return (made.id, made.state.name)
            } catch let error as CanvasError {
                if !error.requestMayHaveArrived { try await imports.refused(number, lease: context.lease) }
                throw error
            }
        }
    }

    private static let leaseLost = StepFailure(
        .interrupted, code: "worker.lease", message: "Another worker has taken this step over.")
}

extension Optional {
    /// What the closure makes of the value, if there is one.
    fileprivate func asyncFlatMap<Other>(_ body: (Wrapped) async throws -> Other?) async throws -> Other? {
        if let self { return try await body(self) }
        return nil
    }

    /// The value, or what the closure gives.
    fileprivate func asyncOr(_ other: () async throws -> Wrapped) async throws -> Wrapped {
        if let self { return self }
        return try await other()
    }
}
