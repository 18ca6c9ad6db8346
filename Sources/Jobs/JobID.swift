package import FoundationEssentials

/// The name of one job: a UUID of version 7, so that ids sort by the time of their creation and the tables that hold
/// them can be partitioned by it.
///
/// - SeeAlso: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
package struct JobID: Sendable, Hashable {
    package let uuid: UUID

    /// Takes over an id read from a message or a row; no check of its version.
    package init(_ uuid: UUID) {
        self.uuid = uuid
    }

    /// Parses the usual form of 36 characters; nil if it is anything else.
    package init?(_ text: String) {
        guard let uuid = UUID(uuidString: text) else { return nil }
        self.uuid = uuid
    }

    /// Makes a new id.
    ///
    /// - Parameters:
    ///   - date: the time that it carries, in whole milliseconds since 1970; years 1970 to 10889.
    ///   - generator: the source of the 74 random bits.
    package init(at date: Date, using generator: inout some RandomNumberGenerator) {
        let milliseconds = UInt64(max(0, date.timeIntervalSince1970 * 1000))
        let high = (milliseconds << 16) | 0x7000 | (generator.next() & 0x0FFF)
        let low = (generator.next() >> 2) | 0x8000_0000_0000_0000
        func byte(_ word: UInt64, _ index: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: word >> (56 - 8 * index)) }
        self.uuid = UUID(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3),
                byte(high, 4), byte(high, 5), byte(high, 6), byte(high, 7),
                byte(low, 0), byte(low, 1), byte(low, 2), byte(low, 3),
                byte(low, 4), byte(low, 5), byte(low, 6), byte(low, 7)
            ))
    }

    /// Makes a new id of this moment.
    package static func random() -> JobID {
        var generator = SystemRandomNumberGenerator()
        return JobID(at: Date(), using: &generator)
    }
}

extension JobID: CustomStringConvertible {
    /// Lower case, with hyphens, as Postgres prints it.
    package var description: String { uuid.uuidString.lowercased() }
}
