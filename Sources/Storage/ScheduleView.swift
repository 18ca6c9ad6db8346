package import FoundationEssentials
package import Jobs
package import Schedules

/// A schedule with what it did last and will do next.
package struct ScheduleView: Sendable, Hashable {
    package let id: Int64
    package let slug: String
    package let institution: NamedView
    package let integration: NamedView
    package let kind: String
    package let definition: ScheduleDefinition
    /// The latest pause, over or not.
    package let pause: SchedulePause?
    /// The first occurrence that nobody has decided yet; nil if none will come.
    package let nextPlannedAt: Date?
    /// The same with its share of the jitter.
    package let nextAt: Date?
    /// Nil before its first.
    package let lastOccurrence: OccurrenceView?

    /// `institution/integration/schedule`, as commands take it.
    package var name: String { "\(institution.slug)/\(integration.slug)/\(slug)" }
}

/// A firing that was planned, and what became of it.
package struct OccurrenceView: Sendable, Hashable {
    package let plannedAt: Date
    /// When it was decided.
    package let firedAt: Date
    package let outcome: OccurrenceOutcome
    /// A sentence; nil where there is nothing to explain.
    package let reason: String?
    /// Nil unless it began a job.
    package let job: JobID?
    /// Nil also where the job is too old to be kept.
    package let jobState: JobState?
}

/// How much the engine has before it.
package struct EngineCountsView: Sendable, Hashable {
    package let queuedSteps: Int64
    package let runningSteps: Int64
    package let waitingSteps: Int64
    package let heldSteps: Int64
    /// Those that failed and that nobody has discarded or run again, up to `DeadStore.countLimit`.
    package let failedSteps: Int64
    /// Doorbells that are due and not yet confirmed by the broker.
    package let outboxDepth: Int64
    /// Seconds since the oldest of them was due; 0 if there is none.
    package let outboxOldestSeconds: Double
    /// Running steps whose lease has run out and that nobody has rescued yet.
    package let expiredLeases: Int64
}
