import Foundation
import Testing

/// A zone as the system's time zone database has it, read without the library that the product asks: so that the two
/// are compared as well.
///
/// - SeeAlso: https://www.rfc-editor.org/rfc/rfc9636
struct SystemZone: Sendable {
    /// One change of clocks.
    struct Change: Sendable {
        /// Seconds since 1970.
        let instant: Int
        let offset: Int
    }

    let name: String
    /// Before the first change; for ever in a zone that has none, such as `Etc/GMT-5`.
    private let initial: Int
    /// The explicit changes; Debian's files hold those until 2037.
    let changes: [Change]

    private static let folder = "/usr/share/zoneinfo"

    /// All zones, in the order of their names.
    static func all() throws -> [SystemZone] {
        let paths = try #require(FileManager.default.subpaths(atPath: folder), "no time zone database; install tzdata")
        let zones = paths.filter { !$0.hasPrefix("posix/") && !$0.hasPrefix("right/") }.sorted().compactMap(Self.init)
        try #require(zones.count > 400, "the time zone database is incomplete; install tzdata")
        return zones
    }

    /// Nil for files that are no zone.
    init?(_ name: String) {
        guard let data = FileManager.default.contents(atPath: "\(Self.folder)/\(name)") else { return nil }
        let bytes = [UInt8](data)
        func number(_ at: Int, _ count: Int) -> Int {
            bytes[at..<at + count].reduce(bytes[at] >= 128 ? -1 : 0) { $0 << 8 | Int($1) }
        }
        guard bytes.count > 44, bytes[0..<4].elementsEqual("TZif".utf8), bytes[4] >= UInt8(ascii: "2") else {
            return nil
        }
        // The second block has 64-bit times; the first is passed over: its counts are in its header.
        let first = (0..<6).map { number(20 + 4 * $0, 4) }
        let second = 44 + first[0] + first[1] + first[2] * 8 + first[3] * 5 + first[4] * 6 + first[5]
        let times = number(second + 32, 4)
        let begin = second + 44
        let types = begin + times * 9
        self.name = name
        initial = number(types, 4)
        changes = (0..<times).map { index in
            let type = Int(bytes[begin + times * 8 + index])
            return Change(instant: number(begin + index * 8, 8), offset: number(types + type * 6, 4))
        }
    }

    /// Seconds by which its clocks are ahead of UTC.
    func offset(at moment: Int) -> Int {
        changes.last { $0.instant <= moment }?.offset ?? initial
    }

    /// Changes of the distance from UTC between two moments: what came before and after each.
    func shifts(from start: Int, to end: Int) -> [(instant: Int, before: Int, after: Int)] {
        zip(changes, changes.dropFirst()).compactMap { before, after in
            guard after.instant >= start, after.instant < end, before.offset != after.offset else { return nil }
            return (after.instant, before.offset, after.offset)
        }
    }
}
