/// What a schedule is meant to do, told as a person who watches a clock on the wall would: minute by minute, without
/// any of the product's arithmetic.
///
/// - An expression that follows the clock fires in each minute that the clock shows and that it matches.
/// - An expression that names hours fires when the clock shows a matching minute for the first time; and when the clock
///   jumps over one, in the minute in which it has jumped. Once a minute at most.
struct WallClock {
    /// An expression with its meaning written out.
    struct Sample: Sendable {
        let cron: String
        let namesHours: Bool
        let matches: @Sendable (Day, _ minute: Int) -> Bool
    }

    /// A day on the wall's calendar.
    struct Day: Sendable, Hashable {
        let month: Int
        let day: Int
        /// 0 for Sunday.
        let weekday: Int
        let daysOfMonth: Int
    }

    static let samples: [Sample] = [
        Sample(cron: "30 2 * * *", namesHours: true) { _, minute in minute == 150 },
        Sample(cron: "15,45 0-3,23 * * *", namesHours: true) { _, minute in
            (minute % 60 == 15 || minute % 60 == 45) && (minute / 60 <= 3 || minute / 60 == 23)
        },
        Sample(cron: "*/20 * * * *", namesHours: false) { _, minute in minute % 20 == 0 },
        Sample(cron: "10 */2 * * sun", namesHours: false) { day, minute in
            day.weekday == 0 && minute % 60 == 10 && minute / 60 % 2 == 0
        },
        Sample(cron: "0 0,1,2,3 * * sunL,sun#1,sat#4", namesHours: true) { day, minute in
            guard minute % 60 == 0, minute / 60 <= 3 else { return false }
            return (day.weekday == 0 && (day.day <= 7 || day.day + 7 > day.daysOfMonth))
                || (day.weekday == 6 && (22...28).contains(day.day))
        },
        Sample(cron: "59 23 L * *", namesHours: true) { day, minute in
            minute == 23 * 60 + 59 && day.day == day.daysOfMonth
        },
    ]

    /// Which samples match in each minute of a day, worked out once for all days that look alike on a calendar.
    ///
    /// A clock shows 15 million minutes in 28 years, and there are 600 zones: to ask each sample in each of them again
    /// takes an hour.
    struct Matches {
        private let samples: [Sample]
        /// The samples that name hours, a bit for each.
        fileprivate let hours: UInt8
        private var known: [Day: [UInt8]] = [:]

        init(_ samples: [Sample] = WallClock.samples) {
            precondition(samples.count <= 8, "\(samples.count) samples in a byte")
            self.samples = samples
            hours = samples.indices.reduce(0) { samples[$1].namesHours ? $0 | 1 << $1 : $0 }
        }

        fileprivate var count: Int { samples.count }

        /// For each minute of the day, a bit for each sample.
        fileprivate mutating func minutes(of day: Day) -> [UInt8] {
            if let found = known[day] { return found }
            let minutes = (0..<1440).map { minute in
                samples.indices.reduce(UInt8(0)) { samples[$1].matches(day, minute) ? $0 | 1 << $1 : $0 }
            }
            known[day] = minutes
            return minutes
        }
    }

    let zone: SystemZone

    /// The minutes, as seconds since 1970, in which each sample fires.
    func firings(from start: Int, to end: Int, of matches: inout Matches) -> [[Int]] {
        var fired: [[Int]] = Array(repeating: [], count: matches.count)
        // A day earlier, so that what was shown before the start is known.
        var moment = start - 86_400
        var changes = zone.changes.filter { $0.instant > moment && $0.instant < end }[...]
        var offset = zone.offset(at: moment)
        var shown = (moment + offset) / 60 - 1
        var highest = shown
        var day = shown / 1440
        var minutes = matches.minutes(of: Self.days[day])
        while moment < end {
            while let change = changes.first, change.instant <= moment {
                offset = change.offset
                changes.removeFirst()
            }
            let local = (moment + offset) / 60
            if local / 1440 != day {
                day = local / 1440
                minutes = matches.minutes(of: Self.days[day])
            }
            var firing = minutes[local % 1440]
            // Shown for the second time, it is no news to who named the hour.
            if local <= highest { firing &= ~matches.hours }
            if local > shown + 1 {
                // What the clock jumped over, and never showed.
                for skipped in (max(shown, highest) + 1)..<max(local, highest + 1) {
                    firing |= matches.minutes(of: Self.days[skipped / 1440])[skipped % 1440] & matches.hours
                }
            }
            if firing != 0, moment >= start {
                for index in fired.indices where firing & (1 << index) != 0 { fired[index].append(moment) }
            }
            shown = local
            highest = max(highest, local)
            moment += 60
        }
        return fired
    }

    /// The wall's calendar: days counted one by one from 1 January 1970, a Thursday, over seventy years.
    private static let days: [Day] = {
        var days = [Day(month: 1, day: 1, weekday: 4, daysOfMonth: 31)]
        var year = 1970
        while year < 2040, let last = days.last {
            let weekday = (last.weekday + 1) % 7
            if last.day < last.daysOfMonth {
                days.append(
                    Day(month: last.month, day: last.day + 1, weekday: weekday, daysOfMonth: last.daysOfMonth))
                continue
            }
            let month = last.month % 12 + 1
            if month == 1 { year += 1 }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            days.append(Day(month: month, day: 1, weekday: weekday, daysOfMonth: lengths[month - 1]))
        }
        return days
    }()
}
