package import FoundationEssentials

/// A SIS import as Canvas shows it, read tolerantly: what is missing is nil, empty or 0, and never an error.
package struct SISImport: Sendable, Equatable {
    /// A number in Canvas; kept as text, as global ids are larger than some peers can count.
    package let id: String
    package let state: SISImportState
    /// 0 to 100; 100 only on success, and it may fall back when batch cleanup begins.
    package let progress: Int
    package let createdAt: Date?
    package let startedAt: Date?
    package let endedAt: Date?
    package let updatedAt: Date?
    /// `instructure_csv`.
    package let importType: String?
    /// Singular names of the types that were found, such as `course`, in the order of processing; empty before it
    /// began.
    package let suppliedBatches: [String]
    /// Plural name of a type, such as `courses`: rows processed without rejection. Also `error_count`, `warning_count`.
    package let counts: [String: Int]
    package let statistics: SISImportStatistics
    /// The first 24 of each kind, and a summary as the 25th if there are more; only at the end.
    package let errors: [SISImportMessage]
    package let warnings: [SISImportMessage]
    /// All messages as CSV; appears a moment after the end.
    package let errorsAttachment: CanvasFile?
    /// The files as Canvas unpacked them.
    package let csvAttachments: [CanvasFile]
    /// Who made the import.
    package let userID: String?
    package let batchMode: Bool
    package let batchModeTermID: String?
    package let diffingDataSetIdentifier: String?
    /// The import this one was compared with.
    package let diffedAgainstImportID: String?
    /// Whether the diff was larger than the threshold, so that no deletes were made; nil without diffing.
    package let diffingThresholdExceeded: Bool?
    /// What Canvas says of its own crash.
    package let crashMessage: String?

    /// - Returns: nil without id or state: then it is no SIS import.
    init?(_ json: JSONValue) {
        guard let id = json["id"].text, let state = json["workflow_state"].text else { return nil }
        let data = json["data"]
        self.id = id
        self.state = SISImportState(state)
        progress = min(100, max(0, json["progress"].int ?? 0))
        createdAt = json["created_at"].date
        startedAt = json["started_at"].date
        endedAt = json["ended_at"].date
        updatedAt = json["updated_at"].date
        importType = data["import_type"].text
        suppliedBatches = data["supplied_batches"].elements.compactMap(\.text)
        counts = data["counts"].members.compactMapValues(\.int)
        // Documented at the top level, found inside `data`.
        let inside = data["statistics"]
        statistics = SISImportStatistics(inside == .null ? json["statistics"] : inside)
        errors = json["processing_errors"].elements.map(SISImportMessage.init)
        warnings = json["processing_warnings"].elements.map(SISImportMessage.init)
        errorsAttachment = CanvasFile(json["errors_attachment"])
        csvAttachments = json["csv_attachments"].elements.compactMap(CanvasFile.init)
        userID = json["user"]["id"].text
        batchMode = json["batch_mode"].bool ?? false
        batchModeTermID = json["batch_mode_term_id"].text
        diffingDataSetIdentifier = json["diffing_data_set_identifier"].text
        diffedAgainstImportID = data["diffed_against_sis_batch_id"].text ?? json["diffed_against_import_id"].text
        diffingThresholdExceeded = json["diffing_threshold_exceeded"].bool
        crashMessage = data["error_message"].text
    }
}

/// One complaint of Canvas about a file or row. The text is for people: its wording changes with versions and
/// languages.
package struct SISImportMessage: Sendable, Equatable {
    /// nil or a name inside the archive.
    package let file: String?
    package let text: String

    /// From `[file, message]`; anything else is kept as its text.
    init(_ json: JSONValue) {
        let parts = json.elements
        file = parts.count > 1 ? parts.first?.text : nil
        text = parts.last?.text ?? json.text ?? ""
    }
}

/// How many objects changed their state. Renamed ones do not count here, and people count as their logins
/// (`Pseudonym`).
package struct SISImportStatistics: Sendable, Equatable {
    package let totalStateChanges: Int?
    /// Canvas's class, such as `Course`; then `created`, `restored`, `deleted`, `concluded` or `deactivated`.
    package let changes: [String: [String: Int]]

    init(_ json: JSONValue) {
        totalStateChanges = json["total_state_changes"].int
        changes = json.members.mapValues { $0.members.compactMapValues(\.int) }.filter { !$0.value.isEmpty }
    }
}

/// A file that Canvas keeps.
package struct CanvasFile: Sendable, Equatable {
    package let id: String
    package let name: String
    /// A secret: whoever has it can read the file. Never logged.
    package let url: String
    /// Bytes; nil if Canvas does not say.
    package let size: Int64?

    init?(_ json: JSONValue) {
        guard let id = json["id"].text, let url = json["url"].text else { return nil }
        self.id = id
        self.url = url
        name = json["display_name"].text ?? json["filename"].text ?? id
        size = json["size"].int.map(Int64.init)
    }
}

/// A row of the list of an import's errors, which Canvas keeps for 30 days.
package struct SISImportError: Sendable, Equatable {
    package let importID: String?
    package let file: String?
    package let message: String
    /// The line of the file; nil if it is about the file as a whole.
    package let row: Int?

    init?(_ json: JSONValue) {
        guard let message = json["message"].text else { return nil }
        self.message = message
        importID = json["sis_import_id"].text
        file = json["file"].text
        row = json["row"].int
    }
}
