package import Canvas

/// The numbers of a SIS import as a step's counts.
package enum ImportCounts {
    /// `canvas.users` for rows that Canvas processed; `canvas.enrollments.created` for what they changed.
    package static func counts(of answer: SISImport) -> [String: Int64] {
        var counts: [String: Int64] = [:]
        for (name, value) in answer.counts where value != 0 { counts["canvas.\(name)"] = Int64(value) }
        for (type, changes) in answer.statistics.changes {
            for (change, value) in changes where value != 0 { counts["canvas.\(type).\(change)"] = Int64(value) }
        }
        counts["canvas.errors"] = Int64(answer.errors.count)
        return counts
    }

    /// What an operator reads while the import is under way.
    package static func sentence(of answer: SISImport) -> String {
        switch answer.state {
        case .initializing, .created:
            "SIS import \(answer.id) waits in Canvas's queue; Canvas runs one import at a time."
        case .cleanupBatch: "Canvas cleans up after SIS import \(answer.id)."
        default: "Canvas works on SIS import \(answer.id)."
        }
    }
}
