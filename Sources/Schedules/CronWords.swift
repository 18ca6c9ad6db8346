/// A cron expression in plain English.
struct CronWords {
    private let expression: CronExpression

    init(_ expression: CronExpression) {
        self.expression = expression
    }

    /// Such as `At 02:30 from Monday to Friday`; a sentence without its full stop.
    var sentence: String {
        let words = [time, days, months].compactMap(\.self).joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    // MARK: Time of day

    private var time: String {
        let minutes = expression.minute.values
        let hours = expression.hour.values
        if hours.count == 24 { return everyHour(minutes) }
        if minutes.count * hours.count <= 6 {
            return "at " + Self.list(expression.minutesOfDay.map { "\(($0 / 60).twoDigits):\(($0 % 60).twoDigits)" })
        }
        if let step = Self.step(hours, of: 24), minutes.count == 1 {
            return "every \(step) hours, at minute \(minutes[0])"
        }
        let when = "in the hours \(Self.list(Self.spans(hours) { $0.twoDigits }))"
        if minutes.count == 60 { return "every minute \(when)" }
        if let step = Self.step(minutes, of: 60) { return "every \(step) minutes \(when)" }
        return "at \(Self.minutes(minutes)) \(when)"
    }

    private func everyHour(_ minutes: [Int]) -> String {
        if minutes.count == 60 { return "every minute" }
        if minutes == [0] { return "every hour, on the hour" }
        if let step = Self.step(minutes, of: 60) { return "every \(step) minutes" }
        return "every hour, at \(Self.minutes(minutes))"
    }

    private static func minutes(_ values: [Int]) -> String {
        (values.count == 1 ? "minute " : "minutes ") + list(spans(values) { "\($0)" })
    }

    // MARK: Days

    private var days: String? {
        let byMonth = dayOfMonth
        let byWeek = dayOfWeek
        switch (byMonth, byWeek) {
        case (nil, nil): return expression.hour.values.count == 24 ? nil : "every day"
        case (let days?, nil): return days
        case (nil, let days?): return days
        case (let first?, let second?):
            // Two restricted fields: either is enough, as in the original cron; `*/2` counts as unrestricted.
            let isBoth = expression.dayOfMonth.isWildcard || expression.dayOfWeek.isWildcard
            return isBoth ? "\(first), but only \(second)" : "\(first), and also \(second)"
        }
    }

    private var dayOfMonth: String? {
        let field = expression.dayOfMonth
        let values = field.values
        guard values.count < 31 else { return nil }
        var parts = Self.spans(values) { "\($0)" }
        if parts.isEmpty { return field.hasLastDay ? "on the last day of the month" : nil }
        let noun = values.count == 1 ? "day" : "days"
        parts[0] = "\(noun) \(parts[0])"
        return "on " + Self.list(parts + (field.hasLastDay ? ["the last day"] : [])) + " of the month"
    }

    private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    private var dayOfWeek: String? {
        let field = expression.dayOfWeek
        guard field.values.count < 7 else { return nil }
        let plain = Self.spans(field.values) { Self.weekdays[$0] }
        var nth: [String] = []
        for bit in 0..<35 where field.nthWeekdays & (1 << UInt64(bit)) != 0 {
            let ordinal = ["first", "second", "third", "fourth", "fifth"][bit / 7]
            nth.append("the \(ordinal) \(Self.weekdays[bit % 7])")
        }
        for weekday in 0..<7 where field.lastWeekdays & (1 << UInt64(weekday)) != 0 {
            nth.append("the last \(Self.weekdays[weekday])")
        }
        if nth.isEmpty, plain.count == 1, plain[0].contains(" to ") { return "from \(plain[0])" }
        return "on " + Self.list(plain + nth) + (nth.isEmpty ? "" : " of the month")
    }

    private static let monthNames = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    private var months: String? {
        let values = expression.month.values
        return values.count == 12 ? nil : "in " + Self.list(Self.spans(values) { Self.monthNames[$0 - 1] })
    }

    // MARK: Lists

    /// `a`, `a and b`, `a, b and c`.
    static func list(_ items: [String]) -> String {
        guard let last = items.last, items.count > 1 else { return items.first ?? "" }
        return items.dropLast().joined(separator: ", ") + " and " + last
    }

    /// Runs of three and more as `a to b`.
    private static func spans(_ values: [Int], _ name: (Int) -> String) -> [String] {
        var parts: [String] = []
        var rest = values[...]
        while let first = rest.first {
            var last = first
            while rest.dropFirst(last - first + 1).first == last + 1 { last += 1 }
            if last - first < 2 { last = first }
            parts.append(first == last ? name(first) : "\(name(first)) to \(name(last))")
            rest = rest.dropFirst(last - first + 1)
        }
        return parts
    }

    /// The distance of values that divide the whole evenly from 0 on, if they do.
    private static func step(_ values: [Int], of whole: Int) -> Int? {
        guard values.count > 1, whole % values.count == 0 else { return nil }
        let step = whole / values.count
        return step > 1 && values == Array(stride(from: 0, to: whole, by: step)) ? step : nil
    }
}

extension CronExpression {
    /// Such as `At 02:30 from Monday to Friday`; a sentence without its full stop.
    package var words: String { CronWords(self).sentence }
}
