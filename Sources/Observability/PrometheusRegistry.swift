package import Metrics
import NIOConcurrencyHelpers

/// All metrics of this process, as a factory for swift-metrics and as text for Prometheus.
///
/// Labels of swift-metrics become names of Prometheus: `worker.steps` of a counter is `worker_steps_total`, a timer
/// gets `_seconds`. One name has one kind and one set of label names; whoever comes later with another kind under a
/// taken name gets an instrument that nobody sees. A name holds at most `seriesLimit` combinations of label values;
/// what comes on top is counted together under the value `other`, so that a careless label costs precision and never
/// memory.
///
/// One lock for the whole table, taken when an instrument is made or the text is written; each instrument has its own
/// for its numbers. Destroying an instrument keeps its numbers: a counter that vanished would look like a reset.
package final class PrometheusRegistry: Sendable {
    /// What a family of series is.
    enum Kind: String {
        case counter
        case gauge
        case histogram
    }

    /// One name with all its series.
    struct Family {
        let kind: Kind
        let labelNames: [String]
        let help: String
        var series: [[String]: PrometheusSeries]
    }

    private let families = NIOLockedValueBox<[String: Family]>([:])
    private let seriesLimit: Int
    private let help: [String: String]
    private let buckets: [Double]

    /// From 1 ms to 10 min: what a request, a statement and a step take.
    package static let secondsBuckets: [Double] = [
        0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600,
    ]

    /// - Parameters:
    ///   - help: sentences by label of swift-metrics; one without a sentence gets a plain one.
    ///   - seriesLimit: combinations of label values for each name; 1 or more, default 1 000.
    ///   - buckets: ascending upper bounds of histograms, in the unit recorded; default `secondsBuckets`.
    package init(help: [String: String] = [:], seriesLimit: Int = 1000, buckets: [Double] = secondsBuckets) {
        precondition(seriesLimit > 0, "seriesLimit is 1 or more: \(seriesLimit)")
        self.help = help
        self.seriesLimit = seriesLimit
        self.buckets = buckets
    }

    /// The text exposition format 0.0.4, names and series sorted.
    /// - SeeAlso: https://prometheus.io/docs/instrumenting/exposition_formats/
    package func text() -> String {
        let snapshot = families.withLockedValue { $0 }
        var text = PrometheusText()
        for (name, family) in snapshot.sorted(by: { $0.key < $1.key }) {
            text.append(family, name: name)
        }
        return text.output
    }

    /// Sets a gauge without going through swift-metrics: for numbers that are read just before they are shown.
    package func setGauge(_ label: String, _ value: Double, dimensions: [(String, String)] = []) {
        series(label, kind: .gauge, dimensions: dimensions).set(value)
    }

    func series(_ label: String, kind: Kind, dimensions: [(String, String)], unit: String? = nil) -> PrometheusSeries {
        let name = PrometheusText.name(label, kind: kind, unit: unit)
        let labels = dimensions.map { (PrometheusText.labelName($0.0), $0.1) }.sorted { $0.0 < $1.0 }
        let names = labels.map(\.0)
        let bounds = kind == .histogram ? buckets : []
        return families.withLockedValue { families in
            var family =
                families[name]
                ?? Family(
                    kind: kind, labelNames: names, help: help[label] ?? "The \(kind.rawValue) \(label).", series: [:])
            guard family.kind == kind, family.labelNames == names else { return PrometheusSeries(bounds: bounds) }
            var values = labels.map(\.1)
            if family.series[values] == nil && family.series.count >= seriesLimit {
                values = names.map { _ in "other" }
            }
            if let known = family.series[values] { return known }
            let series = PrometheusSeries(bounds: bounds, isMonotonic: kind == .counter)
            family.series[values] = series
            families[name] = family
            return series
        }
    }
}

extension PrometheusRegistry: MetricsFactory {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, kind: .counter, dimensions: dimensions)
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, kind: .counter, dimensions: dimensions)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, kind: .gauge, dimensions: dimensions)
    }

    /// An aggregating recorder is a histogram, any other a gauge.
    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        series(label, kind: aggregate ? .histogram : .gauge, dimensions: dimensions)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, kind: .histogram, dimensions: dimensions, unit: "seconds")
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}
}
