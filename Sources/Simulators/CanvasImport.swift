package import FoundationEssentials

/// One SIS import as a simulated Canvas keeps it.
package struct CanvasImport: Sendable {
    /// The states of an import, in Canvas's words.
    package enum State: String, Sendable, CaseIterable {
        case initializing
        case created
        case importing
        case imported
        case importedWithMessages = "imported_with_messages"
        case failed
        case failedWithMessages = "failed_with_messages"
        case aborted

        /// Whether nothing happens to the import any more.
        package var isTerminal: Bool {
            switch self {
            case .initializing, .created, .importing: false
            case .imported, .importedWithMessages, .failed, .failedWithMessages, .aborted: true
            }
        }
    }

    /// One record of the list of errors; a failure concerns a whole file, all others are warnings.
    package struct Message: Sendable, Equatable {
        package var file: String?
        package var text: String
        /// 1 is the header; nothing where the whole file is meant.
        package var row: Int?
        package var isFailure: Bool
    }

    /// A file that was uploaded, ready to be read: its path, and the name and extension that the client gave it.
    package struct Upload: Sendable, Equatable {
        package var path: String
        package var fileName: String
        /// Lower-case, without the dot.
        package var fileExtension: String
        package var bytes: Int
        /// In lower-case hexadecimal digits.
        package var sha256: String
    }

    /// A CSV file as it can be downloaded again.
    package struct Attachment: Sendable, Equatable {
        package var id: Int
        package var name: String
        package var path: String
        package var bytes: Int
    }

    package let id: Int
    package let createdAt: Date
    package var updatedAt: Date
    package var startedAt: Date?
    package var endedAt: Date?
    package var state: State
    /// 0 to 100; 100 only for an import that succeeded, or was aborted while it was pending.
    package var progress = 0
    package var upload: Upload?
    package var options: CanvasImportOptions
    package var attachments: [Attachment] = []
    /// What is known once the files have been looked through.
    package var plan: CanvasImportPlan?
    package var result: CanvasImportResult?
    /// The text of a crash, for `data.error_message`.
    package var crash: String?
    /// The path of the file of errors, as soon as one was written.
    package var errorsFile: Attachment?
}

/// What an import is going to do, known when its files have been looked through.
package struct CanvasImportPlan: Sendable, Equatable {
    /// Singular names of the types, in processing order.
    package var suppliedBatches: [String]
    /// Rows that are not blank, headers apart.
    package var rows: Int
    /// The rows of each chunk, in processing order.
    package var chunkRows: [Int]

    /// Up to 49 rows run in one go.
    package var runsImmediately: Bool { rows + 1 <= 50 }
}

/// What an import has done, filled at its end.
package struct CanvasImportResult: Sendable, Equatable {
    /// Plural type name to rows that were processed.
    package var counts: [String: Int] = [:]
    package var statistics = CanvasStatistics()
    package var messages: [CanvasImport.Message] = []
}
