/// A small generator of random numbers whose sequence is the same on every machine and in every release.
///
/// The standard library's generator cannot be seeded, and a district that differs from run to run proves nothing.
/// - SeeAlso: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014).
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return SplitMix64.mixed(state)
    }

    /// The number that belongs to a seed and up to three coordinates, whatever was asked before.
    ///
    /// Rows are drawn by position instead of in sequence, so that one pupil's change on a later night moves
    /// nobody else.
    package static func hash(_ seed: UInt64, _ first: Int, _ second: Int = 0, _ third: Int = 0) -> UInt64 {
        var value = mixed(seed &+ 0x9E37_79B9_7F4A_7C15)
        value = mixed(value ^ (UInt64(bitPattern: Int64(first)) &* 0xD6E8_FEB8_6659_FD93))
        value = mixed(value ^ (UInt64(bitPattern: Int64(second)) &* 0xA076_1D64_78BD_642F))
        return mixed(value ^ (UInt64(bitPattern: Int64(third)) &* 0xE703_7ED1_A0B4_28DB))
    }

    private static func mixed(_ input: UInt64) -> UInt64 {
        var value = input
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
