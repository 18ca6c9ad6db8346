/// A cron expression of five fields: minute, hour, day of month, month, day of week.
///
/// Each field takes `*`, numbers, names (`jan`, `mon`), ranges, lists and steps. The day of month also takes `L` for
/// the month's last day; the day of week takes `friL` or `5L` for the month's last Friday and `fri#2` for its second.
/// The macros `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` and `@annually` stand for whole
/// expressions. As in the original cron, a day matches either day field if both are restricted.
///
/// - SeeAlso: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/crontab.html
package struct CronExpression: Sendable, Hashable {
    private static let macros = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]

    let minute: CronField
    let hour: CronField
    let dayOfMonth: CronField
    let month: CronField
    let dayOfWeek: CronField

    /// - Throws: `CronError`, which points at the wrong field.
    package init(_ text: String) throws(CronError) {
        let trimmed = text.trimmingPrefix { $0.isWhitespace }
        if trimmed.hasPrefix("@") {
            guard let expression = Self.macros[trimmed.lowercased().filter { !$0.isWhitespace }] else {
                throw CronError(
                    expression: text, field: nil, column: Self.column(of: trimmed, in: text),
                    problem:
                        "'\(trimmed)' is no macro. Allowed are \(Self.macros.keys.sorted().joined(separator: ", ")).")
            }
            self = try CronExpression(expression)
            return
        }
        let fields = trimmed.split(whereSeparator: \.isWhitespace)
        guard fields.count == 5 else { throw Self.wrongCount(fields, in: text) }
        minute = try CronField(fields[0], CronField.minute, of: text)
        hour = try CronField(fields[1], CronField.hour, of: text)
        dayOfMonth = try CronField(fields[2], CronField.dayOfMonth, of: text)
        month = try CronField(fields[3], CronField.month, of: text)
        dayOfWeek = try CronField(fields[4], CronField.dayOfWeek, of: text)
    }

    private static func wrongCount(_ fields: [Substring], in text: String) -> CronError {
        let place = fields.count > 5 ? fields[5] : text[text.endIndex...]
        return CronError(
            expression: text, field: nil, column: column(of: place, in: text),
            problem: "There \(fields.count == 1 ? "is 1 field" : "are \(fields.count) fields"), but it must be five: "
                + "minute, hour, day of month, month, day of week\(fields.count > 5 ? "; no seconds and no years" : "")."
        )
    }

    private static func column(of place: Substring, in text: String) -> Int {
        text.distance(from: text.startIndex, to: place.startIndex) + 1
    }

    /// True if the expression names hours ("at half past two") rather than following the clock ("each hour").
    package var namesHours: Bool { !hour.isWildcard }

    func matches(_ date: CivilDate) -> Bool {
        guard month.contains(date.month) else { return false }
        let byMonth = dayOfMonth.matches(dayOf: date)
        let byWeek = dayOfWeek.matches(weekdayOf: date)
        return dayOfMonth.isWildcard || dayOfWeek.isWildcard ? byMonth && byWeek : byMonth || byWeek
    }

    /// The minutes of the day that match, ascending, 0 to 1439.
    var minutesOfDay: [Int] {
        hour.values.flatMap { hour in minute.values.map { hour * 60 + $0 } }
    }
}
