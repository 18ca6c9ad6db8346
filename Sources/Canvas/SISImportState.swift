/// Where a SIS import stands in Canvas.
///
///     initializing → created → importing → [cleanup_batch] → imported | imported_with_messages
///                                        ↘ failed | failed_with_messages
///     initializing, created, importing, cleanup_batch → aborted
///     any that ended → restoring → restored | partially_restored
///
/// Only this says whether an import is over; its progress may stay below 100 for ever after a failure.
package enum SISImportState: Sendable, Hashable {
    /// Saved, but never queued; after some refused options it stays so for ever.
    case initializing
    /// Queued behind the imports before it: one runs at a time per root account.
    case created
    case importing
    /// Batch mode deletes what the files no longer named; the progress begins again.
    case cleanupBatch
    case imported
    /// A success: some rows were rejected or warned about.
    case importedWithMessages
    case aborted
    /// A crash, or a worker of Canvas died; rows may have been applied.
    case failed
    /// At least one file or chunk failed; all others were applied.
    case failedWithMessages
    case restoring
    case restored
    case partiallyRestored
    /// A state this program does not know; it is neither over nor successful, and shown as it came.
    case other(String)

    package init(_ name: String) {
        self = Self.known.first { $0.name == name } ?? .other(name)
    }

    /// As Canvas spells it.
    package var name: String {
        switch self {
        case .initializing: "initializing"
        case .created: "created"
        case .importing: "importing"
        case .cleanupBatch: "cleanup_batch"
        case .imported: "imported"
        case .importedWithMessages: "imported_with_messages"
        case .aborted: "aborted"
        case .failed: "failed"
        case .failedWithMessages: "failed_with_messages"
        case .restoring: "restoring"
        case .restored: "restored"
        case .partiallyRestored: "partially_restored"
        case .other(let name): name
        }
    }

    /// Whether polling can end.
    package var isTerminal: Bool {
        switch self {
        case .imported, .importedWithMessages, .aborted, .failed, .failedWithMessages, .restored, .partiallyRestored:
            true
        case .initializing, .created, .importing, .cleanupBatch, .restoring, .other: false
        }
    }

    /// Whether every file was processed; rows may have been rejected all the same.
    package var isSuccess: Bool {
        switch self {
        case .imported, .importedWithMessages: true
        case .initializing, .created, .importing, .cleanupBatch, .aborted, .failed, .failedWithMessages, .restoring,
            .restored, .partiallyRestored, .other:
            false
        }
    }

    /// Whether rows may have changed Canvas by now. False only where that is certain.
    package var mayHaveAppliedRows: Bool {
        switch self {
        case .initializing, .created: false
        case .importing, .cleanupBatch, .imported, .importedWithMessages, .aborted, .failed, .failedWithMessages,
            .restoring, .restored, .partiallyRestored, .other:
            true
        }
    }

    /// Whether Canvas works on it now, so that others wait.
    package var isRunning: Bool { self == .importing || self == .cleanupBatch }

    /// Whether an abort is accepted.
    package var canBeAborted: Bool {
        switch self {
        case .initializing, .created, .importing, .cleanupBatch: true
        case .imported, .importedWithMessages, .aborted, .failed, .failedWithMessages, .restoring, .restored,
            .partiallyRestored, .other:
            false
        }
    }

    /// All but `.other`.
    package static let known: [SISImportState] = [
        .initializing, .created, .importing, .cleanupBatch, .imported, .importedWithMessages, .aborted, .failed,
        .failedWithMessages, .restoring, .restored, .partiallyRestored,
    ]
}
