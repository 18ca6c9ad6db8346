/// A day of the Gregorian calendar, without a time zone.
package struct CivilDate: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let year: Int
    /// 1 to 12.
    package let month: Int
    /// 1 to 31.
    package let day: Int

    /// Days since 1 January 1970.
    package let dayNumber: Int

    /// The day of that number; the arithmetic counts in eras of 400 years that begin on 1 March.
    ///
    /// - SeeAlso: https://howardhinnant.github.io/date_algorithms.html
    package init(dayNumber: Int) {
        self.dayNumber = dayNumber
        let shifted = dayNumber + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Reads `2026-11-01`; nil if it is anything else, or a day that the calendar does not have.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2,
            parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]),
            year > 0, (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let found = CivilDate(
            dayNumber: era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468)
        guard (found.year, found.month, found.day) == (year, month, day) else { return nil }
        self = found
    }

    /// 0 for Sunday to 6 for Saturday.
    package var weekday: Int { ((dayNumber + 4) % 7 + 7) % 7 }

    /// Whether the next day with this weekday lies in another month.
    var isLastOfItsWeekday: Bool { CivilDate(dayNumber: dayNumber + 7).month != month }

    /// Whether the next day begins a month.
    var isLastOfMonth: Bool { CivilDate(dayNumber: dayNumber + 1).day == 1 }

    package static func < (left: CivilDate, right: CivilDate) -> Bool {
        left.dayNumber < right.dayNumber
    }

    /// `2026-11-01`.
    package var description: String {
        "\(year)-\(month.twoDigits)-\(day.twoDigits)"
    }
}

extension Int {
    /// `7` as `07`.
    var twoDigits: String { self < 10 ? "0\(self)" : "\(self)" }
}
