/// A cron expression of five fields: minute, hour, day of month, month, day of week.
///
/// Each field takes `*`, numbers, names (`jan`, `mon`), ranges, lists and steps; the macros `@hourly`, `@daily`,
/// `@midnight`, `@weekly`, `@monthly`, `@yearly` and `@annually` stand for whole expressions. As in the original cron,
/// a day matches either day field if both are restricted.
///
/// - SeeAlso: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/crontab.html
package struct CronExpression: Sendable, Hashable {
    private static let macros = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]

    private let minute: CronField
    private let hour: CronField
    private let dayOfMonth: CronField
    private let month: CronField
    private let dayOfWeek: CronField

    /// - Throws: `CronError`, which names the wrong field.
    package init(_ text: String) throws(CronError) {
        let trimmed = text.trimmingPrefix { $0.isWhitespace }
        if trimmed.hasPrefix("@") {
            guard let expression = Self.macros[trimmed.lowercased().filter { !$0.isWhitespace }] else {
                throw CronError(
                    "'\(text)' is no macro; there are \(Self.macros.keys.sorted().joined(separator: ", ")).")
            }
            self = try CronExpression(expression)
            return
        }
        let fields = trimmed.split(whereSeparator: \.isWhitespace)
        guard fields.count == 5 else {
            throw CronError(
                "'\(text)' has \(fields.count) fields; it needs five: minute, hour, day of month, month, day of week.")
        }
        minute = try CronField(fields[0], CronField.minute)
        hour = try CronField(fields[1], CronField.hour)
        dayOfMonth = try CronField(fields[2], CronField.dayOfMonth)
        month = try CronField(fields[3], CronField.month)
        dayOfWeek = try CronField(fields[4], CronField.dayOfWeek)
    }

    /// True if the expression names hours ("at half past two") rather than following the clock ("each hour").
    var namesHours: Bool { !hour.isWildcard }

    func matches(_ date: CivilDate) -> Bool {
        guard month.contains(date.month) else { return false }
        let byMonth = dayOfMonth.contains(date.day)
        let byWeek = dayOfWeek.contains(date.weekday)
        return dayOfMonth.isWildcard || dayOfWeek.isWildcard ? byMonth && byWeek : byMonth || byWeek
    }

    /// The minutes of the day that match, ascending, 0 to 1439.
    var minutesOfDay: [Int] {
        (0..<24).filter(hour.contains).flatMap { hour in
            (0..<60).filter(minute.contains).map { hour * 60 + $0 }
        }
    }
}
