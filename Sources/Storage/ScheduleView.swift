package import FoundationEssentials
package import Jobs

/// A schedule with what it did last and will do next.
package struct ScheduleView: Sendable, Hashable {
    package let id: Int64
    package let slug: String
    package let institution: NamedView
    package let integration: NamedView
    package let kind: String
    package let cron: String
    /// IANA name.
    package let timeZone: String
    package let isPaused: Bool
    /// Nil while it is paused or has no further occurrence.
    package let nextAt: Date?
    /// Nil before its first.
    package let lastOccurrence: OccurrenceView?
}

/// A firing that was planned, and what became of it.
package struct OccurrenceView: Sendable, Hashable {
    package let plannedAt: Date
    package let firedAt: Date
    /// `started` or `missed`.
    package let outcome: String
    /// Nil unless it started a job.
    package let job: JobID?
}

/// How much the engine has before it.
package struct EngineCountsView: Sendable, Hashable {
    package let queuedSteps: Int64
    package let runningSteps: Int64
    package let waitingSteps: Int64
    package let heldSteps: Int64
    /// Doorbells that are due and not yet confirmed by the broker.
    package let outboxDepth: Int64
    /// Seconds since the oldest of them was due; 0 if there is none.
    package let outboxOldestSeconds: Double
    /// Running steps whose lease has run out and that nobody has rescued yet.
    package let expiredLeases: Int64
}
