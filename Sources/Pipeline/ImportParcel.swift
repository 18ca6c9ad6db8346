import Artifacts
import FoundationEssentials
import Jobs
import Storage

/// What an import step hands to Canvas, and what it will say of it.
struct ImportParcel: Sendable {
    let archive: ArtifactRecord
    /// Nothing where the archive is the conversion's own.
    var result = StepResult()

    /// What is said once Canvas has it.
    func handedOver(as id: String) -> StepResult {
        var result = result
        result.reason = ["Canvas has it as SIS import \(id).", result.reason].compactMap(\.self).joined(separator: " ")
        return result
    }
}

/// Finds what is to be handed over: the conversion's archive, or, where the step's files hold a list of refused rows,
/// an archive of those rows alone.
struct ImportPacking: Sendable {
    let jobs: JobStore
    let files: StoredFiles
    let work: HeavyWork
    let scratch: String

    /// - Returns: nil if there is nothing to send.
    func parcel(_ context: StepContext) async throws -> ImportParcel? {
        let converted = try await jobs.artifacts(of: context.job.id, step: .convert)
        guard let whole = converted.first(where: { $0.name == ConvertStep.archiveName }) else { return nil }
        let own = try await jobs.artifacts(of: context.job.id, step: .importBatch)
        guard let list = own.first(where: { $0.name == ArtifactName.refusedRows }) else {
            return ImportParcel(archive: whole)
        }
        // A step that is run again after its import ended sends what it sent.
        if let packed = own.first(where: { $0.name == ArtifactName.refusedRowsArchive }) {
            return ImportParcel(archive: packed)
        }
        return try await pack(list, from: own.first { $0.name == ArtifactName.refusedFrom } ?? whole, context)
    }

    private func pack(_ list: ArtifactRecord, from source: ArtifactRecord, _ context: StepContext) async throws
        -> ImportParcel
    {
        try await Scratch.with(in: scratch, lease: context.lease) { scratch in
            try await files.fetch([list, source], into: scratch.path)
            let folder = try scratch.folder("rows")
            let target = "\(scratch.path)/\(ArtifactName.refusedRowsArchive)"
            let packed = try await work.run { checkCancellation in
                try RefusedRowsArchive(
                    list: "\(scratch.path)/\(list.name)", source: "\(scratch.path)/\(source.name)", folder: folder,
                    checkCancellation: checkCancellation
                ).pack(into: target, tag: BatchName(job: context.job.id, batch: 1))
            }
            let archive = try await files.put(ArtifactName.refusedRowsArchive, from: scratch.path)
            return ImportParcel(archive: archive, result: Self.result(packed, archive))
        }
    }

    /// The poller writes `canvas.users` and its like when Canvas has counted; what was sent keeps a name of its own.
    private static func result(_ packed: RefusedRowsArchive.Packed, _ archive: ArtifactRecord) -> StepResult {
        var result = StepResult(artifacts: [archive])
        for (name, rows) in packed.rows { result.counts["sent.\(table(name))"] = Int64(rows) }
        result.counts["rows.unplaced"] = Int64(packed.unplaced)
        let rows = packed.rows.values.reduce(0, +)
        result.reason = "It holds the \(rows) rows that Canvas refused."
        if packed.unplaced > 0 {
            result.reason? += " \(packed.unplaced) lines of Canvas's list name no row that could be sent again."
        }
        return result
    }
}
