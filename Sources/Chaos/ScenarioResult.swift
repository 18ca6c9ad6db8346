/// What a scenario came to.
package struct ScenarioResult: Sendable {
    package let number: Int
    package let name: String
    package var jobs = 0
    package var faults = 0
    /// Jobs that have not ended, or not as they must.
    package var lost = 0
    /// Steps done twice, or worked on outside a lease.
    package var doubled = 0
    package var figures: HistoryFigures?
    package var seconds = 0.0
    /// The share of the processors that the machine's host kept for others meanwhile: 0 to 1. Where it is large, a
    /// bound of time says little.
    package var stolen = 0.0
    /// What went wrong; empty if it passed.
    package var complaints: [String] = []
    /// What is worth knowing, such as a measured time.
    package var notes: [String] = []
    /// Where the history and the logs are; nil if they were removed.
    package var kept: String?

    package init(number: Int, name: String) {
        self.number = number
        self.name = name
    }

    package var hasPassed: Bool { complaints.isEmpty && lost == 0 && doubled == 0 }
}

/// The table at the end of a run, as Markdown.
package struct ScenarioTable: Sendable, CustomStringConvertible {
    private let results: [ScenarioResult]

    package init(_ results: [ScenarioResult]) {
        self.results = results
    }

    package var description: String {
        let header = [
            "#", "scenario", "jobs", "faults", "lost", "doubled", "rescues", "rescue p50", "rescue p99", "time",
            "stolen", "verdict",
        ]
        let rows = [header] + results.map(Self.cells)
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            let padded = zip(cells, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            return "| " + padded.joined(separator: " | ") + " |"
        }
        let rule = "|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|"
        return ([line(header), rule] + rows.dropFirst().map(line)).joined(separator: "\n")
    }

    private static func cells(_ result: ScenarioResult) -> [String] {
        let delays = result.figures?.rescueDelays ?? []
        return [
            "\(result.number)", result.name, "\(result.jobs)", "\(result.faults)", "\(result.lost)",
            "\(result.doubled)", "\(result.figures?.rescues ?? 0)", seconds(delays.percentile(0.5)),
            seconds(delays.percentile(0.99)), seconds(result.seconds),
            "\(Int((result.stolen * 100).rounded())) %", result.hasPassed ? "passed" : "FAILED",
        ]
    }

    private static func seconds(_ value: Double?) -> String {
        guard let value else { return "" }
        return "\(Double(Int(value * 10)) / 10) s"
    }
}
