/// How long jobs took from the moment when they were to be sent: the median and the 99th percentile, in milliseconds.
struct LatencyAnswer: Codable, Sendable {
    /// To their start; nil where that is not kept.
    let start: [Double?]
    /// To their completion.
    let end: [Double?]

    /// - Parameters: seconds, in any order.
    init(start: [Double], end: [Double]) {
        self.start = Self.quantiles(start)
        self.end = Self.quantiles(end)
    }

    private static func quantiles(_ seconds: [Double]) -> [Double?] {
        let sorted = seconds.sorted()
        guard let last = sorted.last else { return [nil, nil] }
        return [0.5, 0.99].map { fraction in
            let index = Int(Double(sorted.count) * fraction)
            return (index < sorted.count ? sorted[index] : last) * 1000
        }
    }
}

extension [Double] {
    /// The middle one; of an even number the mean of the two in the middle.
    var median: Double? {
        guard !isEmpty else { return nil }
        let sorted = sorted()
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}
