package import Canvas
package import Jobs

/// What an answer of Canvas's means for a waiting step: pure, a row of a table for each state.
package enum PollVerdict: Sendable, Hashable {
    /// Not ended yet.
    case goOn
    /// Ended, but Canvas writes its list of errors a moment later.
    case onceMore
    case end(StepEvent, code: String?, message: String?)

    /// - Parameters:
    ///   - answer: what Canvas said.
    ///   - earlier: the state it told at the poll before.
    package static func of(_ answer: SISImport, earlier: String) -> PollVerdict {
        let state = answer.state
        guard state.isTerminal else { return .goOn }
        let says = !answer.errors.isEmpty || !answer.warnings.isEmpty
        if says, answer.errorsAttachment == nil, earlier != state.name { return .onceMore }
        switch state {
        case .imported: return .end(.complete, code: nil, message: nil)
        case .importedWithMessages:
            return .end(.completeWithWarnings, code: nil, message: "Canvas refused some rows; see canvas-errors.csv.")
        case .restored, .partiallyRestored:
            return .end(
                .completeWithWarnings, code: nil, message: "Somebody has undone this import in Canvas (\(state.name)).")
        case .aborted:
            return .end(
                .fail, code: "canvas.aborted",
                message: "The import was aborted in Canvas; rows that were already applied stay.")
        case .failedWithMessages:
            return .end(
                .fail, code: "canvas.failed_with_messages",
                message:
                    "Canvas could not read a file or stopped on the way; other files may have been applied. See canvas-errors.csv."
            )
        default:
            return .end(
                .fail, code: "canvas.\(state.name)", message: "Canvas gave the import up. Run the import step again.")
        }
    }
}
