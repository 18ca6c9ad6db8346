internal import Glibc

/// Rows of measurements, printed as one table.
struct BenchTable {
    private var rows = [["work", "rows", "MB", "seconds", "MB/s", "rows/s", "peak RSS MiB"]]

    /// The process's highest resident memory so far, in MiB, file pages among it.
    var peakMiB: Int {
        var usage = rusage()
        unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss / 1024
    }

    /// Times some work and keeps a row for it.
    ///
    /// - Parameter size: rows and bytes of the work's result.
    mutating func measure<Result>(
        _ name: String, work: () throws -> Result, size: (Result) -> (rows: Int, bytes: UInt64)
    ) rethrows -> Result {
        let clock = ContinuousClock()
        let start = clock.now
        let result = try work()
        let elapsed = clock.now - start
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        let (count, bytes) = size(result)
        let megabytes = Double(bytes) / 1e6
        rows.append([
            name, String(count), Self.text(megabytes), Self.text(seconds), Self.text(megabytes / max(seconds, 0.001)),
            String(Int(Double(count) / max(seconds, 0.001))), String(peakMiB),
        ])
        return result
    }

    /// The table, columns set right.
    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { String(repeating: " ", count: widths[$0] - $1.count) + $1 }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// Two decimals.
    private static func text(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
