package import Foundation

/// When a schedule fires: pure arithmetic over a cron expression and the rules of a time zone.
///
/// Two nights of a year are odd where clocks change:
/// - A time that the night does not have (02:30 when clocks go from 02:00 to 03:00) fires at the end of the gap, once,
///   however many times of the expression fall into it. An expression that follows the clock ("each quarter of an
///   hour") just skips them.
/// - A time that the night has twice fires at its first pass only. An expression that follows the clock fires in both
///   passes; the second has `fold` 1.
package struct ScheduleCalculator: Sendable {
    package let expression: CronExpression
    package let zone: TimeZone

    package init(expression: CronExpression, zone: TimeZone) {
        self.expression = expression
        self.zone = zone
    }

    /// One planned firing.
    package struct Occurrence: Sendable, Hashable {
        package let date: CivilDate
        /// Minute of the local day as the expression names it, 0 to 1439.
        package let minute: Int
        /// 1 for the second pass of a doubled hour.
        package let fold: Int
        package let instant: Date

        /// `02:30:00`.
        package var slot: String {
            func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
            return "\(padded(minute / 60)):\(padded(minute % 60)):00"
        }
    }

    /// How far ahead an expression is searched before it counts as one that never fires: 29 February on a Sunday comes
    /// every 28 years, and around 2100 after 40.
    private static let horizonDays = 366 * 41

    /// The first firing after a moment, or nil if there is none.
    package func next(after moment: Date) -> Occurrence? {
        let firstDay = Int((moment.timeIntervalSince1970 / 86_400).rounded(.down)) - 2
        for number in firstDay...(firstDay + Self.horizonDays) {
            let date = CivilDate(dayNumber: number)
            guard expression.matches(date) else { continue }
            if let found = occurrences(on: date).first(where: { $0.instant > moment }) { return found }
        }
        return nil
    }

    /// The firings after one moment up to another, in order.
    ///
    /// - Parameter limit: how many at most.
    package func occurrences(after start: Date, through end: Date, limit: Int) -> [Occurrence] {
        var found: [Occurrence] = []
        var moment = start
        while found.count < limit, let next = next(after: moment), next.instant <= end {
            found.append(next)
            moment = next.instant
        }
        return found
    }

    /// The firings of a local day in the order of their instants, no two at the same.
    func occurrences(on date: CivilDate) -> [Occurrence] {
        var all: [Occurrence] = []
        for minute in expression.minutesOfDay {
            let local = Double(date.dayNumber) * 86_400 + Double(minute) * 60
            let instants = instants(ofLocal: local)
            if let first = instants.first {
                all.append(Occurrence(date: date, minute: minute, fold: 0, instant: first))
                if instants.count == 2, !expression.namesHours {
                    all.append(Occurrence(date: date, minute: minute, fold: 1, instant: instants[1]))
                }
            } else if expression.namesHours {
                all.append(Occurrence(date: date, minute: minute, fold: 0, instant: endOfGap(aroundLocal: local)))
            }
        }
        var seen: Set<Date> = []
        return all.sorted { ($0.instant, $0.minute) < ($1.instant, $1.minute) }.filter {
            seen.insert($0.instant).inserted
        }
    }

    /// The moments at which the zone's clocks show this local time, given as if it were UTC: one; two in a doubled
    /// hour; none in a missing one.
    private func instants(ofLocal local: Double) -> [Date] {
        let offsets = Set([-86_400.0, 86_400].map { offset(at: Date(timeIntervalSince1970: local + $0)) })
        return offsets.map { Date(timeIntervalSince1970: local - $0) }
            .filter { local - offset(at: $0) == $0.timeIntervalSince1970 }.sorted()
    }

    /// The moment at which clocks jump over this local time: found by halving, to the second.
    private func endOfGap(aroundLocal local: Double) -> Date {
        var before = (local - 86_400).rounded()
        var after = (local + 86_400).rounded()
        let offsetBefore = offset(at: Date(timeIntervalSince1970: before))
        while after - before > 1 {
            let middle = ((before + after) / 2).rounded(.down)
            if offset(at: Date(timeIntervalSince1970: middle)) == offsetBefore {
                before = middle
            } else {
                after = middle
            }
        }
        return Date(timeIntervalSince1970: after)
    }

    private func offset(at date: Date) -> Double {
        Double(zone.secondsFromGMT(for: date))
    }
}
