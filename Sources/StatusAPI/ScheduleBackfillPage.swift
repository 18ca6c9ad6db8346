import Schedules

/// Values of `schedule-backfill.html`.
struct ScheduleBackfillPage: Sendable {
    private static let rowLimit = 30

    let title = "Make up for what never began"
    /// A plan does not change by itself.
    let refreshSeconds: Int? = nil
    let href: String
    let from: String
    let to: String
    let count: Int
    let counted: String
    let isNone: Bool
    /// The first of them.
    let occurrences: [String]
    /// How many are not shown; nil if all are.
    let more: Int?
    let offersChanges: Bool

    init(_ plan: ScheduleOrder.Plan, offersChanges: Bool) {
        href = "/schedules/\(plan.schedule)"
        from = plan.first.description
        to = plan.last.description
        count = plan.occurrences.count
        counted = PageWords.counted(Int64(count), "occurrence")
        isNone = plan.occurrences.isEmpty
        occurrences = plan.occurrences.prefix(Self.rowLimit).map { "\($0.date) \($0.clock)" }
        more = count > Self.rowLimit ? count - Self.rowLimit : nil
        self.offersChanges = offersChanges
    }
}
