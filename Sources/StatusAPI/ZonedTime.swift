import Foundation

/// A moment as a clock on a wall in some zone shows it, with the zone's distance from UTC.
struct ZonedTime: Sendable {
    /// `2026-11-22 01:10:02 UTC-06:00`.
    let text: String
    /// `2026-11-22T07:10:02.000Z`, for programs.
    let instant: String
    /// What a pointer held over the time shows: the same moment in UTC, so that rows of several zones can be compared,
    /// and the zone's name; `UTC` alone where the text is UTC already.
    let hover: String

    /// - Parameter zone: an IANA name; nil or unknown means UTC.
    init(_ date: Date, zone: String?) {
        let known = zone.flatMap { TimeZone(identifier: $0) }
        let offset = known?.secondsFromGMT(for: date) ?? 0
        text = "\(Self.wall(date.addingTimeInterval(TimeInterval(offset)))) \(Self.name(ofOffset: offset))"
        instant = APITime(date).text
        hover = known.map { "\(Self.wall(date)) UTC (shown in \($0.identifier))" } ?? "UTC"
    }

    private static func wall(_ date: Date) -> Substring {
        date.formatted(Date.ISO8601FormatStyle(dateTimeSeparator: .space)).dropLast()
    }

    private static func name(ofOffset seconds: Int) -> String {
        guard seconds != 0 else { return "UTC" }
        let minutes = abs(seconds) / 60
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "UTC\(seconds < 0 ? "-" : "+")\(two(minutes / 60)):\(two(minutes % 60))"
    }
}
