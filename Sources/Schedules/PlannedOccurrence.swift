package import Foundation

/// One planned firing. Local date, minute and fold name it for ever; the instant follows from the zone's rules.
package struct PlannedOccurrence: Sendable, Hashable {
    package let date: CivilDate
    /// Minute of the local day as the expression names it, 0 to 1439.
    package let minute: Int
    /// 1 for the second pass of a doubled hour.
    package let fold: Int
    package let instant: Date

    package init(date: CivilDate, minute: Int, fold: Int, instant: Date) {
        self.date = date
        self.minute = minute
        self.fold = fold
        self.instant = instant
    }

    /// `02:30:00`.
    package var slot: String { "\((minute / 60).twoDigits):\((minute % 60).twoDigits):00" }

    /// `02:30`.
    package var clock: String { "\((minute / 60).twoDigits):\((minute % 60).twoDigits)" }

    /// What makes it unique within its schedule.
    package var key: OccurrenceKey { OccurrenceKey(date: date, slot: slot, fold: fold) }
}

/// The name of an occurrence within its schedule, as the database keeps it.
package struct OccurrenceKey: Sendable, Hashable {
    package let date: CivilDate
    /// `02:30:00`.
    package let slot: String
    package let fold: Int

    package init(date: CivilDate, slot: String, fold: Int) {
        self.date = date
        self.slot = slot
        self.fold = fold
    }
}
