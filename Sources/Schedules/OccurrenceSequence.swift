import Foundation

/// The occurrences of a schedule in the order of their instants, each once.
///
/// It goes by days of UTC, and for each looks at the local days that can hold one of its instants: clocks are at most
/// 14 hours ahead and 12 behind, and a gap is at most a day. A local day is worked out once, however often it is looked
/// at.
struct OccurrenceSequence {
    /// How far ahead an expression is searched before it counts as one that never fires: 29 February on a Sunday comes
    /// every 28 years, and around 2100 after 40.
    private static let horizonDays = 366 * 41

    private let calculator: ScheduleCalculator
    private var last: Date
    private var day: Int
    private var emptyDays = 0
    private var pending: ArraySlice<PlannedOccurrence> = []
    private var localDays: [Int: [PlannedOccurrence]] = [:]

    init(_ calculator: ScheduleCalculator, after moment: Date) {
        self.calculator = calculator
        last = moment
        day = Int((moment.timeIntervalSince1970 / 86_400).rounded(.down))
    }

    /// The next one, or nil if there is none for decades.
    mutating func next() -> PlannedOccurrence? {
        next(through: .distantFuture)
    }

    /// The next one up to a moment.
    mutating func next(through end: Date) -> PlannedOccurrence? {
        while true {
            while let candidate = pending.first {
                guard candidate.instant > last else {
                    pending.removeFirst()
                    continue
                }
                guard candidate.instant <= end else { return nil }
                pending.removeFirst()
                last = candidate.instant
                emptyDays = 0
                return candidate
            }
            guard emptyDays < Self.horizonDays, Double(day) * 86_400 <= end.timeIntervalSince1970 else { return nil }
            loadDay()
        }
    }

    private mutating func loadDay() {
        let begin = Date(timeIntervalSince1970: Double(day) * 86_400)
        let end = begin.addingTimeInterval(86_400)
        var found: [PlannedOccurrence] = []
        for number in (day - 2)...(day + 1) {
            let all = localDays[number] ?? calculator.occurrences(on: CivilDate(dayNumber: number))
            localDays[number] = all
            found += all.filter { $0.instant >= begin && $0.instant < end }
        }
        localDays[day - 2] = nil
        found.sort { ($0.instant, $0.date, $0.minute) < ($1.instant, $1.date, $1.minute) }
        pending = found[...]
        day += 1
        emptyDays += 1
    }
}
