import Glibc

/// Reads what the kernel counts of a process.
enum KernelCounts {
    /// User and system time with all threads; nil if the process is gone.
    static func processorSeconds(of process: Int32) -> Double? {
        guard let text = read("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        // After the name in brackets: state is the third field of the file, user and system time 14 and 15.
        let fields = text[end...].dropFirst(2).split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The most that it has had in RAM; nil if the process is gone.
    static func peakMebibytes(of process: Int32) -> Int? {
        guard let text = read("/proc/\(process)/status") else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 / 1024 }
    }

    /// Those that it started and that live.
    static func children(of process: Int32) -> [Int32] {
        (read("/proc/\(process)/task/\(process)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
    }

    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}
