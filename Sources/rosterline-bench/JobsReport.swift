internal import Foundation

/// A measurement of growth.
struct GrowthResult: Codable, Sendable {
    let name: String
    let drain: DrainMeasurement
}

/// Everything that a run has measured, and what it means.
struct JobsReport: Codable, Sendable {
    var command: String
    var machine = Machine()
    var drains: [Contestant: [DrainMeasurement]] = [:]
    /// Statements for each job of a drain.
    var statements: [Contestant: Double] = [:]
    /// Jobs a second.
    var enqueues: [Contestant: [Double]] = [:]
    var latencies: [Contestant: [LatencyAnswer]] = [:]
    var growths: [GrowthResult] = []
    var pages: [ListPages] = []
    var ticks: [ScheduleTicks] = []

    init(command: String) {
        self.command = command
    }

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        // Names and finite numbers cannot fail to encode.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    func rate(_ contestant: Contestant) -> Double? { drains[contestant]?.map(\.rate).median }

    func enqueueRate(_ contestant: Contestant) -> Double? { enqueues[contestant]?.median }

    /// Milliseconds from the moment when a job was to be sent until it was completed.
    func latency(_ contestant: Contestant, _ quantile: KeyPath<LatencyAnswer, [Double?]>, at index: Int) -> Double? {
        latencies[contestant]?.compactMap { $0[keyPath: quantile][index] }.median
    }

    func median(_ contestant: Contestant, _ value: KeyPath<DrainMeasurement, Double>) -> Double? {
        drains[contestant]?.map { $0[keyPath: value] }.median
    }

    var text: String {
        [
            "rosterline-bench \(command)", machine.text, drainTable, costTable, enqueueTable, latencyTable, growthTable,
            pageTable, tickTable, barsText,
        ].compactMap { $0 }.joined(separator: "\n\n")
    }

    private var drainTable: String? {
        guard !drains.isEmpty else { return nil }
        var table = TextTable(["drain, one worker process", "jobs", "jobs/s", "runs", "Rosterline is"])
        for contestant in Contestant.allCases {
            guard let measured = drains[contestant], let rate = rate(contestant) else { continue }
            table.add([
                contestant.title, TextTable.cell(measured.first.map { Double($0.jobs) }), TextTable.cell(rate),
                "\(measured.count)", ratio(self.rate(.engine), rate),
            ])
        }
        return table.text
    }

    private var costTable: String? {
        guard !drains.isEmpty else { return nil }
        var table = TextTable([
            "what a job costs", "worker s/1000", "broker s/1000", "Postgres s/1000", "WAL bytes", "commits",
            "statements", "loopback bytes",
        ])
        for contestant in Contestant.allCases where drains[contestant] != nil {
            let values: [KeyPath<DrainMeasurement, Double>] = [
                \.workerTime, \.brokerTime, \.postgresTime, \.logBytes, \.commits,
            ]
            table.add(
                [contestant.title] + values.map { TextTable.cell(median(contestant, $0)) }
                    + [TextTable.cell(statements[contestant]), TextTable.cell(median(contestant, \.networkBytes))])
        }
        return table.text
    }

    private var enqueueTable: String? {
        guard !enqueues.isEmpty else { return nil }
        var table = TextTable(["enqueue, confirmed", "jobs/s", "Rosterline is"])
        for contestant in Contestant.allCases {
            guard let rate = enqueueRate(contestant) else { continue }
            table.add([contestant.title, TextTable.cell(rate), ratio(enqueueRate(.engine), rate)])
        }
        return table.text
    }

    private var latencyTable: String? {
        guard !latencies.isEmpty else { return nil }
        var table = TextTable(["latency at 200 jobs/s, ms", "start p50", "start p99", "completed p50", "completed p99"])
        for contestant in Contestant.allCases where latencies[contestant] != nil {
            table.add(
                [contestant.title]
                    + [0, 1].map { TextTable.cell(latency(contestant, \.start, at: $0)) }
                    + [0, 1].map { TextTable.cell(latency(contestant, \.end, at: $0)) })
        }
        return table.text
    }

    private var growthTable: String? {
        guard !growths.isEmpty else { return nil }
        var table = TextTable([
            "Rosterline with", "jobs/s", "worker s/1000", "broker s/1000", "Postgres s/1000", "WAL bytes", "commits",
        ])
        for growth in growths {
            let drain = growth.drain
            table.add(
                [growth.name]
                    + [
                        drain.rate, drain.workerTime, drain.brokerTime, drain.postgresTime, drain.logBytes,
                        drain.commits,
                    ].map(TextTable.cell))
        }
        return table.text
    }

    private var pageTable: String? {
        guard !pages.isEmpty else { return nil }
        var table = TextTable(["a page of the job list, ms", "the newest 50", "50 of ten days ago"])
        for page in pages {
            table.add([
                "\(TextTable.cell(Double(page.finished))) finished", TextTable.cell(page.first),
                TextTable.cell(page.middle),
            ])
        }
        return table.text
    }

    private var tickTable: String? {
        guard !ticks.isEmpty else { return nil }
        var table = TextTable(["a look of the scheduler, ms", "nothing due", "due", "until all have begun"])
        for tick in ticks {
            table.add([
                "\(TextTable.cell(Double(tick.schedules))) schedules", TextTable.cell(tick.idle), "\(tick.due)",
                TextTable.cell(tick.firing),
            ])
        }
        return table.text
    }

    private var barsText: String? {
        let bars = self.bars
        guard !bars.isEmpty else { return nil }
        var table = TextTable(["bar", "measured", "wanted", ""])
        for bar in bars {
            let sign = bar.isAtMost ? "at most" : "at least"
            table.add([
                bar.name, TextTable.cell(bar.measured), "\(sign) \(TextTable.cell(bar.wanted))",
                bar.isMet ? "met" : "NOT MET",
            ])
        }
        return table.text
    }

    private func ratio(_ ours: Double?, _ theirs: Double) -> String {
        ours.map { "\(TextTable.cell($0 / theirs)) x" } ?? "-"
    }
}
