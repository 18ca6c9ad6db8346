package import FoundationEssentials
package import Jobs

/// A job as a list shows it.
package struct JobView: Sendable, Hashable {
    package let id: JobID
    package let institution: NamedView
    package let integration: NamedView
    /// A word of `JobKind`, or of a newer program.
    package let kind: String
    package let state: JobState
    /// Who asked for it: a person, or a schedule.
    package let postedBy: String
    package let createdAt: Date
    package let updatedAt: Date
    package let finishedAt: Date?
    /// The zone of the mapping that the job ran with, else that of the integration's schedule; nil if neither names
    /// one.
    package let timeZone: String?
    /// The step at work, or the one that stopped the job; nil once all is done.
    package let stage: JobStageView?
    package let hasArtifacts: Bool
    /// The counts of the step that reads the roster, such as `users.extracted`; empty before it began.
    package let rosterCounts: [String: Int64]
}

/// Something with a short name for addresses and a long one for people.
package struct NamedView: Sendable, Hashable {
    package let slug: String
    package let name: String
}

/// Where a job stands, in one step.
package struct JobStageView: Sendable, Hashable {
    /// A word of `StepKind`, or of a newer program.
    package let kind: String
    package let state: StepState
    /// 0 to 100.
    package let percent: Int
}

/// Which jobs a list shows; nil = all.
package struct JobFilter: Sendable, Hashable {
    /// Slug of the institution.
    package var institution: String?
    /// Slug of the integration.
    package var integration: String?
    package var state: JobState?
    package var kind: JobKind?

    package init(
        institution: String? = nil, integration: String? = nil, state: JobState? = nil, kind: JobKind? = nil
    ) {
        self.institution = institution
        self.integration = integration
        self.state = state
        self.kind = kind
    }
}

/// A part of a list, in an order that new rows do not disturb.
package struct PageView<Row: Sendable>: Sendable {
    package let rows: [Row]
    /// True if another page follows the last row.
    package let hasMore: Bool

    /// - Parameter rows: one more than `limit` if there are more.
    init(rows: [Row], limit: Int) {
        self.rows = Array(rows.prefix(limit))
        self.hasMore = rows.count > limit
    }
}
