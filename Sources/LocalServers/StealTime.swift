import Glibc

/// How much of a virtual machine's processors its host keeps for others, by the kernel's count: what is measured
/// meanwhile says as much of the neighbours as of the program.
package struct StealTime: Sendable {
    /// Ticks of all processors since the machine started.
    struct Count: Sendable, Equatable {
        var stolen = 0
        var all = 0

        /// - Parameter text: as `/proc/stat` begins; see proc(5).
        init?(_ text: String) {
            let fields = text.prefix { $0 != "\n" }.split(separator: " ")
            // The eighth number is the stolen time; those behind it are counted in the first two already.
            let ticks = fields.dropFirst().prefix(8).compactMap { Int($0) }
            guard fields.first == "cpu", ticks.count == 8 else { return nil }
            (stolen, all) = (ticks[7], ticks.reduce(0, +))
        }
    }

    private let begin: Count?

    /// Begins to count.
    package init() {
        begin = Self.now()
    }

    /// The share that was stolen since it was made: 0 to 1; 0 on a machine of one's own, or where nothing is known.
    package var share: Double {
        guard let begin, let end = Self.now() else { return 0 }
        return Self.share(from: begin, to: end)
    }

    static func share(from begin: Count, to end: Count) -> Double {
        // Both are counted by different clocks, so that neither is sure to grow.
        let (stolen, all) = (max(0, end.stolen - begin.stolen), end.all - begin.all)
        return all > 0 ? min(1, Double(stolen) / Double(all)) : 0
    }

    private static func now() -> Count? {
        guard let file = fopen("/proc/stat", "r") else { return nil }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = fread(&buffer, 1, buffer.count, file)
        return Count(String(decoding: buffer[..<count], as: UTF8.self))
    }
}
