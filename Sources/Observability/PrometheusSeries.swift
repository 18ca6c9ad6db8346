import Metrics
import NIOConcurrencyHelpers

/// The numbers of one name with one combination of label values; every kind of instrument of swift-metrics writes to
/// it.
final class PrometheusSeries: Sendable {
    struct Numbers {
        /// Of counters and gauges.
        var value = 0.0
        /// Of histograms: recordings at or below each bound, not cumulated, and one more place for the rest.
        var counts: [UInt64]
        var sum = 0.0
    }

    /// Ascending upper bounds; empty for counters and gauges.
    let bounds: [Double]
    private let numbers: NIOLockedValueBox<Numbers>

    private let isMonotonic: Bool

    /// - Parameter isMonotonic: true for counters, whose negative amounts are ignored.
    init(bounds: [Double], isMonotonic: Bool = false) {
        self.bounds = bounds
        self.isMonotonic = isMonotonic
        self.numbers = NIOLockedValueBox(
            Numbers(counts: Array(repeating: 0, count: bounds.isEmpty ? 0 : bounds.count + 1)))
    }

    var snapshot: Numbers { numbers.withLockedValue { $0 } }

    func increment(by amount: Double) {
        // A counter never falls; a negative amount is a caller's mistake and must not look like a restart.
        guard amount > 0 || !isMonotonic else { return }
        numbers.withLockedValue { $0.value += amount }
    }

    func set(_ value: Double) {
        numbers.withLockedValue { $0.value = value }
    }

    func observe(_ value: Double) {
        guard !value.isNaN else { return }
        guard !bounds.isEmpty else { return set(value) }
        let place = bounds.firstIndex { value <= $0 } ?? bounds.count
        numbers.withLockedValue { numbers in
            numbers.counts[place] += 1
            numbers.sum += value
        }
    }
}

extension PrometheusSeries: CounterHandler, FloatingPointCounterHandler {
    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func reset() { set(0.0) }
}

extension PrometheusSeries: MeterHandler {
    func set(_ value: Int64) { set(Double(value)) }
    func decrement(by amount: Double) { increment(by: -amount) }
}

extension PrometheusSeries: RecorderHandler {
    func record(_ value: Int64) { observe(Double(value)) }
    func record(_ value: Double) { observe(value) }
}

extension PrometheusSeries: TimerHandler {
    func recordNanoseconds(_ duration: Int64) { observe(Double(duration) / 1_000_000_000) }
}
