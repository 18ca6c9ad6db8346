internal import Foundation
internal import Glibc

/// Processor time of processes, from /proc.
enum ProcessTimes {
    private struct Entry {
        let parent: Int32
        /// Of the process and of those of its children that have ended.
        let ticks: Int
    }

    /// Seconds of processor time that a process and all that descend from it have used; 0 once it has ended.
    static func seconds(ofTree root: Int32) -> Double {
        let all = entries()
        var tree: Set<Int32> = [root]
        var hasGrown = true
        while hasGrown {
            let children = all.filter { tree.contains($0.value.parent) }.keys
            hasGrown = !children.allSatisfy { tree.contains($0) }
            tree.formUnion(children)
        }
        let ticks = tree.reduce(0) { $0 + (all[$1]?.ticks ?? 0) }
        return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func entries() -> [Int32: Entry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var entries: [Int32: Entry] = [:]
        for process in names.compactMap({ Int32($0) }) {
            guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                // The name before stands in parentheses, and may hold any character.
                let end = text.lastIndex(of: ")")
            else { continue }
            let fields = text[end...].split(separator: " ").dropFirst().map { Int($0) ?? 0 }
            guard fields.count > 14 else { continue }
            entries[process] = Entry(parent: Int32(fields[1]), ticks: fields[11] + fields[12] + fields[13] + fields[14])
        }
        return entries
    }

    /// Bytes that have gone over the loopback interface since the machine started, whoever sent them.
    static func loopbackBytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/net/dev", encoding: .utf8)) ?? ""
        guard let line = text.split(separator: "\n").first(where: { $0.contains("lo:") }) else { return 0 }
        return line.split(separator: ":").last?.split(separator: " ").first.flatMap { Int($0) } ?? 0
    }
}
