/// One field of a cron expression: the values that it matches, as sets of bits.
struct CronField: Sendable, Hashable {
    /// What a field may hold.
    struct Range: Sendable {
        let name: String
        /// 1 for the minute to 5 for the day of week.
        let number: Int
        let values: ClosedRange<Int>
        let words: [String]
        /// What may stand in it, for people.
        let allowed: String
    }

    static let minute = Range(
        name: "minute", number: 1, values: 0...59, words: [], allowed: "0 to 59, *, lists, ranges and steps")
    static let hour = Range(
        name: "hour", number: 2, values: 0...23, words: [], allowed: "0 to 23, *, lists, ranges and steps")
    static let dayOfMonth = Range(
        name: "day of month", number: 3, values: 1...31, words: [],
        allowed: "1 to 31, L for the last day, *, lists, ranges and steps")
    static let month = Range(
        name: "month", number: 4, values: 1...12,
        words: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        allowed: "1 to 12, jan to dec, *, lists, ranges and steps")
    static let dayOfWeek = Range(
        name: "day of week", number: 5, values: 0...7, words: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
        allowed: "0 to 7 (0 and 7 are Sunday), sun to sat, friL for the last, fri#2 for the second Friday of a month, "
            + "*, lists, ranges and steps")

    private(set) var bits: UInt64 = 0
    /// `L` among the days of month.
    private(set) var hasLastDay = false
    /// Weekdays whose last one in a month matches; bit 0 is Sunday.
    private(set) var lastWeekdays: UInt64 = 0
    /// Bit 7 × (n − 1) + weekday for the n-th of that weekday in a month.
    private(set) var nthWeekdays: UInt64 = 0
    /// True for `*` and `*/n`: the field says "each", not "at".
    let isWildcard: Bool

    /// Parses lists of `*`, `a`, `a-b`, each with an optional `/step`, and of `L`, `aL`, `a#n` where the field has
    /// them; words in any case.
    init(_ text: Substring, _ range: Range, of expression: String) throws(CronError) {
        isWildcard = text.hasPrefix("*") && !text.contains(",")
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            try add(item, CronItem(range: range, expression: expression))
        }
        // Sunday is both 0 and 7.
        if range.values.upperBound == 7, bits & 0x80 != 0 { bits = (bits | 1) & 0x7F }
    }

    private mutating func add(_ item: Substring, _ reader: CronItem) throws(CronError) {
        guard !item.isEmpty else { throw reader.error(item, "has an empty item") }
        let upper = item.uppercased()
        if reader.range.number == 3, upper == "L" {
            hasLastDay = true
        } else if reader.range.number == 5, upper.hasSuffix("L") {
            guard item.count > 1 else {
                throw reader.error(item, "has an 'L' without a weekday; write friL for the last Friday")
            }
            lastWeekdays |= 1 << UInt64(try reader.value(item.dropLast()) % 7)
        } else if reader.range.number == 5, let hash = item.firstIndex(of: "#") {
            let count = item[item.index(after: hash)...]
            guard let nth = Int(count), (1...5).contains(nth) else {
                throw reader.error(count.isEmpty ? item : count, "has '#\(count)', which is not #1 to #5")
            }
            nthWeekdays |= 1 << UInt64(7 * (nth - 1) + (try reader.value(item[..<hash]) % 7))
        } else {
            for value in try reader.values(item) { bits |= 1 << UInt64(value) }
        }
    }

    func contains(_ value: Int) -> Bool {
        bits & (1 << UInt64(value)) != 0
    }

    /// Whether the field, as one of the two for days, lets this day through.
    func matches(weekdayOf date: CivilDate) -> Bool {
        let weekday = date.weekday
        return contains(weekday)
            || (lastWeekdays & (1 << UInt64(weekday)) != 0 && date.isLastOfItsWeekday)
            || nthWeekdays & (1 << UInt64(7 * ((date.day - 1) / 7) + weekday)) != 0
    }

    /// The same for the day of month.
    func matches(dayOf date: CivilDate) -> Bool {
        contains(date.day) || (hasLastDay && date.isLastOfMonth)
    }

    /// The plain values that match, ascending.
    var values: [Int] { (0..<64).filter(contains) }
}
