/// One field of a cron expression: the values that it matches, as a set of bits.
struct CronField: Sendable, Hashable {
    /// What a field may hold.
    struct Range: Sendable {
        let name: String
        let values: ClosedRange<Int>
        let words: [String]
    }

    static let minute = Range(name: "minute", values: 0...59, words: [])
    static let hour = Range(name: "hour", values: 0...23, words: [])
    static let dayOfMonth = Range(name: "day of month", values: 1...31, words: [])
    static let month = Range(
        name: "month", values: 1...12,
        words: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
    static let dayOfWeek = Range(
        name: "day of week", values: 0...7, words: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])

    private let bits: UInt64
    /// True for `*` and `*/n`: the field says "each", not "at".
    let isWildcard: Bool

    /// Parses lists of `*`, `a`, `a-b`, each with an optional `/step`; words in any case.
    init(_ text: Substring, _ range: Range) throws(CronError) {
        var bits: UInt64 = 0
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, !first.isEmpty else { throw CronError(range, text, "has an empty item") }
            var step = 1
            if parts.count == 2 {
                guard let given = Int(parts[1]), given > 0 else {
                    throw CronError(range, text, "has a step that is not a number above 0")
                }
                step = given
            }
            let span = try Self.span(first, range, whole: text, hasStep: parts.count == 2)
            for value in stride(from: span.lowerBound, through: span.upperBound, by: step) {
                bits |= 1 << UInt64(value)
            }
        }
        // Sunday is both 0 and 7.
        if range.values.upperBound == 7, bits & 0x80 != 0 { bits = (bits | 1) & 0x7F }
        self.bits = bits
        isWildcard = text.hasPrefix("*") && !text.contains(",")
    }

    func contains(_ value: Int) -> Bool {
        bits & (1 << UInt64(value)) != 0
    }

    private static func span(
        _ item: Substring, _ range: Range, whole: Substring, hasStep: Bool
    ) throws(CronError) -> ClosedRange<Int> {
        if item == "*" { return range.values }
        let ends = item.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let first = try value(ends[0], range, whole: whole)
        guard ends.count == 2 else { return first...(hasStep ? range.values.upperBound : first) }
        let last = try value(ends[1], range, whole: whole)
        guard first <= last else { throw CronError(range, whole, "has a range that ends before it begins") }
        return first...last
    }

    private static func value(_ text: Substring, _ range: Range, whole: Substring) throws(CronError) -> Int {
        if let index = range.words.firstIndex(of: text.lowercased()) { return range.values.lowerBound + index }
        guard let number = Int(text), text.allSatisfy(\.isNumber), range.values.contains(number) else {
            throw CronError(
                range, whole, "has '\(text)', which is not in \(range.values.lowerBound) to \(range.values.upperBound)")
        }
        return number
    }
}

/// A cron expression that cannot be read, with the field that is wrong.
package struct CronError: Error, Hashable, CustomStringConvertible {
    package let description: String

    init(_ range: CronField.Range, _ text: Substring, _ problem: String) {
        description = "The \(range.name) field '\(text)' \(problem)."
    }

    init(_ description: String) {
        self.description = description
    }
}
