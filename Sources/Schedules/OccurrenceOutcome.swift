package import Foundation

/// What became of a planned firing, as the database and the API name it.
package enum OccurrenceOutcome: String, Sendable, Hashable, CaseIterable {
    /// It began a job.
    case started
    /// It began a job later, when an operator asked for it.
    case backfilled
    /// Its time passed while no scheduler ran.
    case missed
    /// Another job of the integration stood in its way.
    case skipped
    /// It fell into a blackout range.
    case blackout
    /// Its schedule was paused.
    case paused

    /// The word on pages and in the terminal.
    package var title: String {
        switch self {
        case .started: "Started"
        case .backfilled: "Backfilled"
        case .missed: "Missed"
        case .skipped: "Skipped"
        case .blackout: "Blackout"
        case .paused: "Paused"
        }
    }
}

/// A stretch in which a schedule fires nothing, because somebody or its own failures paused it.
package struct SchedulePause: Sendable, Hashable {
    package let from: Date
    /// Nil until somebody resumes it.
    package let until: Date?
    /// A sentence, or the words of who paused it.
    package let reason: String
    /// Who paused it.
    package let by: String

    package init(from: Date, until: Date? = nil, reason: String, by: String) {
        self.from = from
        self.until = until
        self.reason = reason
        self.by = by
    }

    /// Whether what was planned for this moment does not start.
    package func covers(_ moment: Date) -> Bool {
        from <= moment && until.map { moment < $0 } ?? true
    }

    /// `paused by dana until 2026-12-24 00:00 UTC+01:00: holidays`.
    package func words(in zone: TimeZone) -> String {
        "paused by \(by)\(until.map { " until \(LocalTime.text($0, in: zone))" } ?? "")\(reason.isEmpty ? "" : ": \(reason)")"
    }
}
