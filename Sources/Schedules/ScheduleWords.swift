package import Foundation

/// A schedule explained: the expression in plain English, the rules for nights on which clocks change, the next such
/// nights of its zone, and the next occurrences with their distance from UTC.
package struct ScheduleWords: Sendable, Hashable {
    /// Such as `At 02:30 from Monday to Friday`.
    package let expression: String
    /// What happens to a time that a night does not have.
    package let missingHour: String
    /// What happens to a time that a night has twice.
    package let doubledHour: String
    /// Empty where clocks do not change.
    package let oddNights: [OddNight]
    package let next: [Upcoming]

    /// An occurrence to come.
    package struct Upcoming: Sendable, Hashable {
        package let instant: Date
        /// `2026-11-01 01:30 UTC-07:00`: what clocks will show, which differs from the expression after a gap.
        package let local: String
        /// Why it does not come, or not at the expression's time; nil where all is plain.
        package let note: String?
    }

    /// A night on which the zone's clocks change.
    package struct OddNight: Sendable, Hashable {
        package let date: CivilDate
        /// Such as `clocks go from 02:00 to 03:00 (UTC-08:00 to UTC-07:00)`.
        package let change: String
        /// What this schedule does then.
        package let effect: String
    }

    /// How far ahead odd nights are looked for.
    private static let horizonDays = 400

    /// - Parameters:
    ///   - moment: the present.
    ///   - pause: the schedule's own, if any.
    package init(_ rules: ScheduleRules, after moment: Date, pause: SchedulePause? = nil, count: Int = 5) {
        let calculator = rules.calculator
        expression = CronWords(calculator.expression).sentence
        let named = calculator.expression.namesHours
        missingHour =
            named
            ? "A time that a night does not have fires once, at the end of the gap."
            : "It follows the clock: times that a night does not have are left out."
        doubledHour =
            named
            ? "A time that a night has twice fires once, at its first pass."
            : "It follows the clock: times that a night has twice fire in both passes."
        oddNights = ZoneTransition.upcoming(in: calculator.zone, after: moment, days: Self.horizonDays, limit: 4)
            .map { OddNight($0, calculator) }
        next = calculator.occurrences(after: moment, through: .distantFuture, limit: count).map {
            Upcoming($0, rules: rules, pause: pause)
        }
    }
}

extension ScheduleWords.Upcoming {
    fileprivate init(_ occurrence: PlannedOccurrence, rules: ScheduleRules, pause: SchedulePause?) {
        let zone = rules.calculator.zone
        instant = occurrence.instant
        local = LocalTime.text(occurrence.instant, in: zone)
        let offset = zone.secondsFromGMT(for: occurrence.instant)
        let shown = LocalTime.local(occurrence.instant, offset: offset)
        if let pause, pause.covers(occurrence.instant) {
            note = "Will not start: \(pause.words(in: zone))."
        } else if let range = rules.quiet.first(where: { $0.covers(occurrence) }) {
            note = "Will not start: it falls into \(range.words)."
        } else if shown != (occurrence.date, occurrence.minute) {
            note = "\(occurrence.clock) does not exist that night."
        } else if occurrence.fold == 1 {
            note = "Second pass of a doubled hour."
        } else {
            note = nil
        }
    }
}

extension ScheduleWords.OddNight {
    fileprivate init(_ transition: ZoneTransition, _ calculator: ScheduleCalculator) {
        let before = LocalTime.wall(transition.instant, offset: transition.offsetBefore)
        let after = LocalTime.wall(transition.instant, offset: transition.offsetAfter)
        let isSameDay = before.prefix(10) == after.prefix(10)
        date = LocalTime.local(transition.instant, offset: transition.offsetBefore).0
        change =
            "clocks go from \(before.suffix(5)) to \(isSameDay ? String(after.suffix(5)) : after) "
            + "(\(LocalTime.name(ofOffset: transition.offsetBefore)) to \(LocalTime.name(ofOffset: transition.offsetAfter)))"
        effect = Self.effect(transition, calculator)
    }

    /// The times of the expression that lie between what clocks show before the change and what they show after it.
    private static func effect(_ transition: ZoneTransition, _ calculator: ScheduleCalculator) -> String {
        let isGap = transition.offsetAfter > transition.offsetBefore
        let low = Int(transition.instant.timeIntervalSince1970) + min(transition.offsetBefore, transition.offsetAfter)
        let high = Int(transition.instant.timeIntervalSince1970) + max(transition.offsetBefore, transition.offsetAfter)
        var touched: [String] = []
        for day in [low / 86_400 - 1, low / 86_400, high / 86_400] where touched.count < 100 {
            let date = CivilDate(dayNumber: day)
            guard calculator.expression.matches(date) else { continue }
            for minute in calculator.expression.minutesOfDay {
                let clock = "\((minute / 60).twoDigits):\((minute % 60).twoDigits)"
                let local = day * 86_400 + minute * 60
                if local >= low, local < high, !touched.contains(clock) { touched.append(clock) }
            }
        }
        guard !touched.isEmpty else { return "No occurrence is touched." }
        let named = calculator.expression.namesHours
        let times = touched.count <= 6 ? CronWords.list(touched) : "\(touched.count) times"
        let isOne = touched.count == 1
        if isGap {
            let end = LocalTime.text(transition.instant, in: calculator.zone).suffix(from: 11)
            return "\(times) \(isOne ? "does" : "do") not exist: "
                + (named ? "fires once, at \(end)." : "\(isOne ? "it is" : "they are") left out.")
        }
        let first = LocalTime.name(ofOffset: transition.offsetBefore)
        return "\(times) \(isOne ? "comes" : "come") twice: "
            + (named ? "fires at the first pass only (\(first))." : "fires in both passes.")
    }
}

extension String {
    fileprivate func suffix(from offset: Int) -> Substring { dropFirst(offset) }
}
