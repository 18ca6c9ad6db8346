/// What a job is for; it decides which steps the job has.
package enum JobKind: String, Sendable, Hashable, CaseIterable {
    /// Brings a roster from its source into Canvas.
    case rosterSync = "roster_sync"

    /// The job's steps in the order in which they run.
    package var steps: [StepKind] {
        switch self {
        case .rosterSync: [.extract, .convert, .importBatch]
        }
    }
}

/// What one step does. The raw value is the routing key of its queue.
package enum StepKind: String, Sendable, Hashable, CaseIterable {
    /// Reads the source into an immutable snapshot of OneRoster tables.
    case extract
    /// Turns the snapshot into Canvas SIS CSV, row issues and counts.
    case convert
    /// Hands the CSV to Canvas as one SIS import and waits for its end.
    case importBatch = "import"

    /// The step's name on pages and in the terminal.
    package var title: String {
        switch self {
        case .extract: "Roster Extract"
        case .convert: "Data Conversion"
        case .importBatch: "Canvas Import"
        }
    }
}
