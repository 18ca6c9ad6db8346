/// Reads one item of a field's list; what is wrong with it is said with its place in the expression.
struct CronItem {
    let range: CronField.Range
    let expression: String

    /// The values of `*`, `a`, `a-b`, each with an optional `/step`; `a/n` goes on to the field's end.
    func values(_ item: Substring) throws(CronError) -> StrideThrough<Int> {
        let parts = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var step = 1
        if parts.count == 2 {
            guard let given = Int(parts[1]), given > 0, parts[1].utf8.allSatisfy({ (48...57).contains($0) }) else {
                throw error(parts[1].isEmpty ? item : parts[1], "has a step that is not a number above 0")
            }
            step = given
        }
        let span = try span(parts[0], hasStep: parts.count == 2)
        return stride(from: span.lowerBound, through: span.upperBound, by: step)
    }

    private func span(_ item: Substring, hasStep: Bool) throws(CronError) -> ClosedRange<Int> {
        guard !item.isEmpty else { throw error(item, "has an empty item") }
        // A week ends on Saturday here; else `*/2` would count Sunday twice.
        if item == "*" { return range.values.upperBound == 7 ? 0...6 : range.values }
        let ends = item.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let first = try value(ends[0])
        guard ends.count == 2 else { return first...(hasStep ? max(first, openEnd) : first) }
        var last = try value(ends[1])
        // `fri-sun`, as people say it.
        if range.number == 5, last == 0, first > 0 { last = 7 }
        guard first <= last else { throw error(item, "has a range that ends before it begins") }
        return first...last
    }

    private var openEnd: Int { range.values.upperBound == 7 ? 6 : range.values.upperBound }

    func value(_ text: Substring) throws(CronError) -> Int {
        if let index = range.words.firstIndex(of: text.lowercased()) {
            return index + (range.number == 4 ? 1 : 0)
        }
        guard let number = Int(text), text.utf8.allSatisfy({ (48...57).contains($0) }), range.values.contains(number)
        else {
            throw error(
                text,
                text.isEmpty
                    ? "has an empty item"
                    : "has '\(text)', which is not in \(range.values.lowerBound) to \(range.values.upperBound)")
        }
        return number
    }

    func error(_ place: Substring, _ problem: String) -> CronError {
        CronError(
            expression: expression, field: range.number,
            column: expression.distance(from: expression.startIndex, to: place.startIndex) + 1,
            problem: "Field \(range.number) of 5, the \(range.name), \(problem). Allowed are \(range.allowed).")
    }
}
