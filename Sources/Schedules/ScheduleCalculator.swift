package import Foundation

/// When a schedule fires: pure arithmetic over a cron expression and the rules of a time zone.
///
/// Two nights of a year are odd where clocks change:
/// - A time that the night does not have (02:30 when clocks go from 02:00 to 03:00) fires at the end of the gap, once,
///   however many times of the expression fall into it. An expression that follows the clock ("each quarter of an
///   hour") just skips them.
/// - A time that the night has twice fires at its first pass only. An expression that follows the clock fires in both
///   passes; the second has `fold` 1.
///
/// No two occurrences have the same instant: of those that a gap drives together, the one with the earliest local time
/// stays.
package struct ScheduleCalculator: Sendable, Hashable {
    package let expression: CronExpression
    package let zone: TimeZone
    private let minutes: [Int]

    package init(expression: CronExpression, zone: TimeZone) {
        self.expression = expression
        self.zone = zone
        minutes = expression.minutesOfDay
    }

    /// The first firing after a moment, or nil if there is none.
    package func next(after moment: Date) -> PlannedOccurrence? {
        var sequence = OccurrenceSequence(self, after: moment)
        return sequence.next()
    }

    /// The firings after one moment up to another, in order.
    ///
    /// - Parameter limit: how many at most.
    package func occurrences(after start: Date, through end: Date, limit: Int) -> [PlannedOccurrence] {
        var found: [PlannedOccurrence] = []
        var sequence = OccurrenceSequence(self, after: start)
        while found.count < limit, let next = sequence.next(through: end) { found.append(next) }
        return found
    }

    /// The firings of a local day in the order of their instants; two may share one.
    func occurrences(on date: CivilDate) -> [PlannedOccurrence] {
        guard expression.matches(date) else { return [] }
        let midnight = Double(date.dayNumber) * 86_400
        // Where clocks stand the same a day before and a day after, they do not change between.
        let before = offset(at: Date(timeIntervalSince1970: midnight - 86_400))
        if before == offset(at: Date(timeIntervalSince1970: midnight + 2 * 86_400)) {
            return minutes.map { minute in
                PlannedOccurrence(
                    date: date, minute: minute, fold: 0,
                    instant: Date(timeIntervalSince1970: midnight + Double(minute) * 60 - before))
            }
        }
        return minutes.flatMap { occurrences(on: date, minute: $0) }
            .sorted { ($0.instant, $0.minute) < ($1.instant, $1.minute) }
    }

    private func occurrences(on date: CivilDate, minute: Int) -> [PlannedOccurrence] {
        let local = Double(date.dayNumber) * 86_400 + Double(minute) * 60
        var instants = instants(ofLocal: local)
        if instants.isEmpty, expression.namesHours { instants = [endOfGap(aroundLocal: local)] }
        if expression.namesHours { instants = Array(instants.prefix(1)) }
        return instants.enumerated().map { fold, instant in
            PlannedOccurrence(date: date, minute: minute, fold: fold, instant: instant)
        }
    }

    /// The moments at which the zone's clocks show this local time, given as if it were UTC: one; two in a doubled
    /// hour; none in a missing one.
    func instants(ofLocal local: Double) -> [Date] {
        let offsets = Set([-86_400.0, 86_400].map { offset(at: Date(timeIntervalSince1970: local + $0)) })
        return offsets.map { Date(timeIntervalSince1970: local - $0) }
            .filter { local - offset(at: $0) == $0.timeIntervalSince1970 }.sorted()
    }

    /// The moment at which clocks jump over this local time: found by halving, to the second.
    private func endOfGap(aroundLocal local: Double) -> Date {
        ZoneTransition.moment(
            in: zone, between: Date(timeIntervalSince1970: (local - 86_400).rounded()),
            and: Date(timeIntervalSince1970: (local + 86_400).rounded()))
    }

    /// Seconds by which local clocks are ahead of UTC.
    package func offset(at date: Date) -> Double {
        Double(zone.secondsFromGMT(for: date))
    }
}
