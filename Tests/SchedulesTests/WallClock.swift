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
    struct Day: Sendable {
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

    let zone: SystemZone

    /// The minutes, as seconds since 1970, in which each sample fires.
    func firings(from start: Int, to end: Int, of samples: [Sample] = samples) -> [[Int]] {
        var fired: [[Int]] = samples.map { _ in [] }
        // A day earlier, so that what was shown before the start is known.
        var moment = start - 86_400
        var changes = zone.changes.filter { $0.instant > moment && $0.instant < end }[...]
        var offset = zone.offset(at: moment)
        var shown = (moment + offset) / 60 - 1
        var highest = shown
        var calendar = Calendar()
        while moment < end {
            while let change = changes.first, change.instant <= moment {
                offset = change.offset
                changes.removeFirst()
            }
            let local = (moment + offset) / 60
            // What the clock jumped over, and what it shows now.
            let skipped = local > shown + 1 ? (shown + 1)..<local : local..<local
            let day = calendar.day(local / 1440)
            let minute = local % 1440
            if moment >= start {
                for index in samples.indices {
                    var fires = samples[index].matches(day, minute) && (!samples[index].namesHours || local > highest)
                    if !skipped.isEmpty, !fires, samples[index].namesHours {
                        fires = skipped.contains {
                            $0 > highest && samples[index].matches(calendar.day($0 / 1440), $0 % 1440)
                        }
                    }
                    if fires { fired[index].append(moment) }
                }
            }
            shown = local
            highest = max(highest, local)
            moment += 60
        }
        return fired
    }

    /// Counts days one by one from 1 January 1970, a Thursday.
    private struct Calendar {
        private var number = 0
        private var year = 1970
        private var current = Day(month: 1, day: 1, weekday: 4, daysOfMonth: 31)

        mutating func day(_ wanted: Int) -> Day {
            if wanted < number { self = Calendar() }
            while number < wanted { step() }
            return current
        }

        private mutating func step() {
            number += 1
            let weekday = (current.weekday + 1) % 7
            if current.day < current.daysOfMonth {
                current = Day(
                    month: current.month, day: current.day + 1, weekday: weekday, daysOfMonth: current.daysOfMonth)
                return
            }
            let month = current.month % 12 + 1
            if month == 1 { year += 1 }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            current = Day(month: month, day: 1, weekday: weekday, daysOfMonth: lengths[month - 1])
        }
    }
}
