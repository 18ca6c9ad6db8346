internal import Foundation
internal import OneRoster

/// Turns days of the source's time zone into the instants that Canvas takes, in UTC.
///
/// A roster has millions of dates but few different ones, so each instant is made once.
struct ZonedCalendar {
    private let zone: TimeZone
    private let endMode: ConversionRules.EndMode
    private var starts: [CalendarDay: String] = [:]
    private var ends: [CalendarDay: String] = [:]

    /// - Throws: `RosterError` with `.invalidRules` for an unknown zone.
    init(rules: ConversionRules) throws {
        guard let zone = TimeZone(identifier: rules.timeZone) else {
            throw RosterError(
                .invalidRules, detail: "the time zone \(rules.timeZone) is unknown",
                remedy: "Set an IANA time zone such as Europe/Berlin.")
        }
        self.zone = zone
        endMode = rules.endMode
    }

    /// The first second of a day.
    mutating func start(of day: CalendarDay) -> String {
        if let known = starts[day] { return known }
        let text = Self.text(instant(day))
        if starts.count < 100_000 { starts[day] = text }
        return text
    }

    /// The last second before an exclusive end, or of an inclusive one.
    mutating func end(at day: CalendarDay) -> String {
        if let known = ends[day] { return known }
        let boundary = endMode == .exclusive ? day : CalendarDay(number: day.number + 1)
        let text = Self.text(instant(boundary) - 1)
        if ends.count < 100_000 { ends[day] = text }
        return text
    }

    /// Whether something that ends with this field's day is over on a day.
    func isOver(_ end: CalendarDay, on day: CalendarDay) -> Bool {
        endMode == .exclusive ? day >= end : day > end
    }

    /// Midnight of a day in the zone. Where clocks jump over midnight it is the first second after the jump.
    private func instant(_ day: CalendarDay) -> Int {
        let local = Int(day.number) * 86_400
        let guess = local - offset(at: local)
        return local - offset(at: guess)
    }

    private func offset(at instant: Int) -> Int {
        zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(instant)))
    }

    private static func text(_ instant: Int) -> String {
        let day = Int((Double(instant) / 86_400).rounded(.down))
        let second = instant - day * 86_400
        let (year, month, dayOfMonth) = civil(day)
        func padded(_ value: Int, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(width - digits.count, 0)) + digits
        }
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))"
        return "\(date)T\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))Z"
    }

    private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let index = (5 * dayOfYear + 2) / 153
        let month = index < 10 ? index + 3 : index - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * index + 2) / 5 + 1)
    }
}
