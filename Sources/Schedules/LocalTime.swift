package import Foundation

/// Moments as a clock in a zone shows them, for sentences.
package enum LocalTime {
    /// `2026-11-01 01:30 UTC-07:00`; the offset tells the two passes of a doubled hour apart.
    package static func text(_ moment: Date, in zone: TimeZone) -> String {
        let offset = zone.secondsFromGMT(for: moment)
        return "\(wall(moment, offset: offset)) \(name(ofOffset: offset))"
    }

    /// `2026-11-01 01:30`.
    static func wall(_ moment: Date, offset: Int) -> String {
        let (date, minute) = local(moment, offset: offset)
        return "\(date) \((minute / 60).twoDigits):\((minute % 60).twoDigits)"
    }

    /// Local date and minute of the day.
    static func local(_ moment: Date, offset: Int) -> (CivilDate, Int) {
        let seconds = Int(moment.timeIntervalSince1970.rounded(.down)) + offset
        let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        return (CivilDate(dayNumber: day), (seconds - day * 86_400) / 60)
    }

    /// The first moment at which clocks show this time; where they jump over it, the moment of the jump.
    package static func moment(_ local: LocalMinute, in zone: TimeZone) -> Date {
        let expected = Double(local.date.dayNumber) * 86_400 + Double(local.minute) * 60
        let offsets = [-86_400.0, 86_400].map {
            Double(zone.secondsFromGMT(for: Date(timeIntervalSince1970: expected + $0)))
        }
        let shown = Set(offsets).map { expected - $0 }.filter {
            $0 + Double(zone.secondsFromGMT(for: Date(timeIntervalSince1970: $0))) == expected
        }
        if let first = shown.min() { return Date(timeIntervalSince1970: first) }
        return ZoneTransition.moment(
            in: zone, between: Date(timeIntervalSince1970: expected - 86_400),
            and: Date(timeIntervalSince1970: expected + 86_400))
    }

    /// `UTC`, `UTC+05:45`.
    package static func name(ofOffset seconds: Int) -> String {
        guard seconds != 0 else { return "UTC" }
        let minutes = abs(seconds) / 60
        return "UTC\(seconds < 0 ? "-" : "+")\((minutes / 60).twoDigits):\((minutes % 60).twoDigits)"
    }

    /// `3 h 10 min`, `45 min`, `12 s`.
    package static func duration(_ seconds: TimeInterval) -> String {
        let whole = Int(max(0, seconds).rounded())
        func parts(_ large: Int, _ unit: String, _ small: Int, _ smallUnit: String) -> String {
            "\(large) \(unit)\(small == 0 ? "" : " \(small) \(smallUnit)")"
        }
        if whole >= 86_400 { return parts(whole / 86_400, "d", whole % 86_400 / 3600, "h") }
        if whole >= 3600 { return parts(whole / 3600, "h", whole % 3600 / 60, "min") }
        return whole >= 60 ? "\(whole / 60) min" : "\(whole) s"
    }
}
