package import Canvas
package import FoundationEssentials

/// What an answer of Canvas's means for an import that is to be aborted: pure, a row of a table for each case.
///
/// The sentences stand behind who cancelled the job and why.
package enum AbortVerdict: Sendable, Hashable {
    /// Nothing is left to ask.
    case done(String)
    /// It is asked again.
    case again(String)

    /// How long Canvas is asked to abort one import; by then it has ended, or a person must look.
    package static let patience: TimeInterval = 24 * 3600

    /// What Canvas answered.
    package enum Answer: Sendable, Hashable {
        /// It took the order, and the import stands so now.
        case taken(SISImportState)
        /// It has nothing to abort: the import stood so before, or is unknown (nil).
        case nothing(SISImportState?)
        /// It could not be asked, for this reason.
        case failed(String)
    }

    /// - Parameters:
    ///   - id: Canvas's id of the import.
    ///   - since: when the step was cancelled.
    package static func of(_ answer: Answer, id: String, since: Date, now: Date) -> AbortVerdict {
        let verdict = of(answer, id: id)
        guard case .again(let words) = verdict, now >= since.addingTimeInterval(patience) else { return verdict }
        return .done("\(words) It is asked no more after a day; look at the import in Canvas.")
    }

    private static func of(_ answer: Answer, id: String) -> AbortVerdict {
        switch answer {
        case .taken(let state) where state.isTerminal:
            return .done("Canvas has aborted SIS import \(id); rows that were already applied stay.")
        case .taken(let state):
            return .again("Canvas was asked to abort SIS import \(id) and is at '\(state.name)'.")
        case .nothing(nil): return .done("Canvas no longer knows SIS import \(id).")
        case .nothing(.aborted?):
            return .done("SIS import \(id) was aborted in Canvas; rows that were already applied stay.")
        case .nothing(let state?) where state.isTerminal:
            return .done(
                "Canvas had ended SIS import \(id) before it could be aborted (\(state.name)); what it applied stays.")
        case .nothing(let state?):
            return .again("Canvas cannot abort SIS import \(id) now (\(state.name)).")
        case .failed(let reason): return .again("Canvas could not be asked to abort SIS import \(id): \(reason)")
        }
    }
}
