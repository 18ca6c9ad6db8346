import Glibc

/// A borrowed run of bytes: mostly one field of the record a scanner stands on.
///
/// It owns nothing. A view handed out by ``CSVScanner`` dies with the next record, one handed out by an arena with the
/// arena's next growth; copy what must live longer. It exists because a `String` for each of sixty million fields costs
/// more than all the rest of a conversion.
@unsafe
package struct ByteView {
    /// The first byte; may point anywhere when ``count`` is 0.
    package let base: UnsafePointer<UInt8>

    /// How many bytes.
    package let count: Int

    /// A view of memory that the caller keeps alive and unchanged.
    @inlinable
    package init(base: UnsafePointer<UInt8>, count: Int) {
        unsafe self.base = base
        unsafe self.count = count
    }

    /// A view of text that lives as long as the program.
    @inlinable
    package init(_ text: StaticString) {
        unsafe self.init(base: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// Whether there is no byte at all.
    @inlinable
    package var isEmpty: Bool { unsafe count == 0 }

    /// The byte at a position; the caller keeps it below ``count``.
    @inlinable
    package subscript(position: Int) -> UInt8 { unsafe base[position] }

    /// The bytes as text; what is no UTF-8 becomes U+FFFD.
    package var string: String {
        unsafe String(decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self)
    }

    /// The view without blanks, tabs and line ends at either end, as Canvas reads every field.
    @inlinable
    package var trimmed: ByteView {
        var first = 0
        var end = unsafe count
        while unsafe first < end && base[first] <= 0x20 { first += 1 }
        while unsafe end > first && base[end - 1] <= 0x20 { end -= 1 }
        return unsafe ByteView(base: base + first, count: end - first)
    }

    /// A part of the view.
    @inlinable
    package func slice(from start: Int, to end: Int) -> ByteView {
        unsafe ByteView(base: base + start, count: end - start)
    }

    /// Whether both views hold the same bytes.
    @inlinable
    package func hasSameBytes(as other: ByteView) -> Bool {
        unsafe count == other.count && (count == 0 || memcmp(base, other.base, count) == 0)
    }

    /// Whether the bytes are exactly this ASCII text.
    @inlinable
    package func equals(_ text: StaticString) -> Bool {
        unsafe count == text.utf8CodeUnitCount && memcmp(base, text.utf8Start, count) == 0
    }

    /// Whether the bytes are this lower-case ASCII text when their own ASCII letters are lowered.
    @inlinable
    package func equalsFolded(_ text: StaticString) -> Bool {
        guard unsafe count == text.utf8CodeUnitCount else { return false }
        let expected = unsafe text.utf8Start
        for index in unsafe 0..<count {
            let byte = unsafe base[index]
            let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            if unsafe lower != expected[index] { return false }
        }
        return true
    }

    /// Where a byte first stands, or nil.
    @inlinable
    package func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        guard unsafe start < count, let hit = unsafe memchr(base + start, Int32(byte), count - start) else {
            return nil
        }
        return unsafe UnsafeRawPointer(hit) - UnsafeRawPointer(base)
    }

    /// Whether this view stands before the other in the order of unsigned bytes.
    @inlinable
    package func precedes(_ other: ByteView) -> Bool {
        let common = unsafe min(count, other.count)
        let order = unsafe common == 0 ? 0 : memcmp(base, other.base, common)
        return unsafe order != 0 ? order < 0 : count < other.count
    }

    /// A 64-bit hash of the bytes; equal for equal bytes and seed within one process only.
    @inlinable
    package func hash(seed: UInt64) -> UInt64 {
        var state = unsafe seed ^ (UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15)
        let raw = unsafe UnsafeRawPointer(base)
        var offset = 0
        while unsafe offset + 8 <= count {
            let word = unsafe raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            state = unsafe ByteView.mix(state ^ word)
            offset += 8
        }
        var tail: UInt64 = 0
        while unsafe offset < count {
            tail = unsafe tail << 8 | UInt64(base[offset])
            offset += 1
        }
        return unsafe ByteView.mix(state ^ tail ^ 0xA076_1D64_78BD_642F)
    }

    @inlinable
    static func mix(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
        return product.high ^ product.low
    }
}

extension String {
    /// Lends the text's UTF-8 bytes for the time of the call.
    package mutating func withByteView<Result>(_ body: (ByteView) throws -> Result) rethrows -> Result {
        try withUTF8 { bytes in
            guard let base = bytes.baseAddress else {
                return try unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { spare in
                    guard let spareBase = spare.baseAddress else {
                        preconditionFailure("a stack allocation has an address")
                    }
                    return try unsafe body(ByteView(base: spareBase, count: 0))
                }
            }
            return try unsafe body(ByteView(base: base, count: bytes.count))
        }
    }
}
