package import FoundationEssentials

/// What somebody asks for when a job begins.
package struct JobRequest: Sendable {
    package var kind: JobKind
    /// In the order in which they run; one or more. Those of the kind, unless somebody wants others.
    package var steps: [StepKind]
    /// Version of the messages of its steps; only workers that read it are handed them.
    package var version: Int16
    /// Id of the integration.
    package var integration: Int64
    /// Who asked for it, as people will read it.
    package var postedBy: String
    package var id: JobID
    package var priority: JobPriority
    /// Not before this moment; nil for now.
    package var runAfter: Date?
    /// What only one job may hold at a time; nil if any number may run.
    package var key: JobKey?
    /// Not before that job has ended.
    package var afterJob: JobID?

    package init(
        _ kind: JobKind, integration: Int64, postedBy: String, id: JobID = .random(), priority: JobPriority = .manual,
        runAfter: Date? = nil, key: JobKey? = nil, afterJob: JobID? = nil, steps: [StepKind]? = nil,
        version: Int16 = StepMessage.currentVersion
    ) {
        self.kind = kind
        self.steps = steps ?? kind.steps
        self.version = version
        self.integration = integration
        self.postedBy = postedBy
        self.id = id
        self.priority = priority
        self.runAfter = runAfter
        self.key = key
        self.afterJob = afterJob
    }
}

/// Which of an institution's jobs go first; institutions do not compete by it.
package enum JobPriority: Int16, Sendable, Hashable, CaseIterable {
    /// Somebody waits for it.
    case manual = 10
    case nightly = 20
    /// Nights that are made up for.
    case backfill = 30
}

/// What only one job may hold at a time, and what happens to the second.
package struct JobKey: Sendable, Hashable {
    /// How long a job holds its key.
    package enum Scope: Sendable, Hashable {
        /// Until its first step is taken.
        case waiting
        /// Until it has ended.
        case unfinished
        /// For so many seconds from its begin, whatever becomes of it; more than 0.
        case window(seconds: Double)
    }

    /// What happens to a job whose key another one holds.
    package enum Conflict: String, Sendable, Hashable, CaseIterable {
        /// The other one is as good: nothing begins, and that is no error.
        case keep
        /// The other one is cancelled, and this one begins once it has ended.
        case replace
        /// Nothing begins; the caller is to be told.
        case reject
    }

    /// 1 to 200 characters.
    package let text: String
    package let scope: Scope
    package let conflict: Conflict

    package init(_ text: String, scope: Scope = .unfinished, conflict: Conflict = .reject) {
        precondition(
            (1...Self.longestText).contains(text.count), "a job's key has 1 to 200 characters, not \(text.count)")
        self.text = text
        self.scope = scope
        self.conflict = conflict
    }
}
