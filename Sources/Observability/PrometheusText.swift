/// Writes families of series in the text exposition format 0.0.4.
struct PrometheusText {
    private(set) var output = ""

    mutating func append(_ family: PrometheusRegistry.Family, name: String) {
        output += "# HELP \(name) \(Self.escaped(family.help, quotes: false))\n# TYPE \(name) \(family.kind.rawValue)\n"
        for (values, series) in family.series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let labels = zip(family.labelNames, values).map { "\($0)=\"\(Self.escaped($1, quotes: true))\"" }
            let numbers = series.snapshot
            if family.kind == .histogram {
                appendHistogram(name, labels: labels, bounds: series.bounds, numbers: numbers)
            } else {
                appendSample(name, labels: labels, value: Self.number(numbers.value))
            }
        }
    }

    private mutating func appendHistogram(
        _ name: String, labels: [String], bounds: [Double], numbers: PrometheusSeries.Numbers
    ) {
        var total: UInt64 = 0
        for (index, count) in numbers.counts.enumerated() {
            total += count
            let bound = index < bounds.count ? Self.number(bounds[index]) : "+Inf"
            appendSample(name + "_bucket", labels: labels + ["le=\"\(bound)\""], value: "\(total)")
        }
        appendSample(name + "_sum", labels: labels, value: Self.number(numbers.sum))
        appendSample(name + "_count", labels: labels, value: "\(total)")
    }

    private mutating func appendSample(_ name: String, labels: [String], value: String) {
        output += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels.joined(separator: ","))} \(value)\n"
    }

    /// The name of a family: letters, digits, `_` and `:` alone, the unit and, for counters, `_total` at its end.
    static func name(_ label: String, kind: PrometheusRegistry.Kind, unit: String?) -> String {
        var name = String(label.map { isNameCharacter($0) ? $0 : "_" })
        if name.first?.isNumber ?? true { name = "_" + name }
        if let unit, !name.hasSuffix("_" + unit) { name += "_" + unit }
        if kind == .counter && !name.hasSuffix("_total") { name += "_total" }
        return name
    }

    static func labelName(_ label: String) -> String {
        var name = String(label.map { isNameCharacter($0) && $0 != ":" ? $0 : "_" })
        if name.first?.isNumber ?? true { name = "_" + name }
        return name
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber) || character == "_" || character == ":"
    }

    /// Whole numbers without a point; the rest as Swift prints them, which Prometheus reads.
    static func number(_ value: Double) -> String {
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value.isNaN { return "NaN" }
        if value == value.rounded() && abs(value) < 1e15 { return "\(Int64(value))" }
        return "\(value)"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\\\"
            case "\n", "\r\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.append(character)
            }
        }
        return result
    }
}
