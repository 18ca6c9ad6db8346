internal import CSV
import Glibc

/// Bytes of many small texts one behind the other.
struct TextArena: ~Copyable {
    /// Where a text lies.
    struct Slice {
        var offset: UInt64 = 0
        var count: UInt32 = 0
    }

    private var base: UnsafeMutablePointer<UInt8>
    private var capacity = 1 << 12
    private var filled = 0

    init() {
        base = .allocate(capacity: capacity)
    }

    deinit {
        free(base)
    }

    /// Keeps a copy of the bytes.
    mutating func store(_ bytes: ByteView) -> Slice {
        guard bytes.count > 0 else { return Slice() }
        if filled + bytes.count > capacity {
            while capacity < filled + bytes.count { capacity += max(capacity / 2, 1 << 12) }
            guard let larger = realloc(base, capacity) else { preconditionFailure("no memory for \(capacity) bytes") }
            base = larger.assumingMemoryBound(to: UInt8.self)
        }
        memcpy(base + filled, bytes.base, bytes.count)
        filled += bytes.count
        return Slice(offset: UInt64(filled - bytes.count), count: UInt32(bytes.count))
    }

    /// The bytes of a text; valid until the next ``store(_:)``.
    func bytes(_ slice: Slice) -> ByteView {
        ByteView(base: base + Int(slice.offset), count: Int(slice.count))
    }
}

/// A set of 64-bit hashes, for questions where a wrong yes in 10^12 does no harm.
struct HashSet64 {
    private var slots: [UInt64]
    private var count = 0

    init() {
        slots = [UInt64](repeating: 0, count: 64)
    }

    /// Takes a hash in; false if it was there.
    mutating func insert(_ hash: UInt64) -> Bool {
        if (count + 1) * 4 > slots.count * 3 { grow() }
        let value = hash == 0 ? 1 : hash
        guard let position = place(of: value) else { return false }
        slots[position] = value
        count += 1
        return true
    }

    private func place(of value: UInt64) -> Int? {
        let mask = slots.count - 1
        var position = Int(truncatingIfNeeded: value) & mask
        while slots[position] != 0 {
            if slots[position] == value { return nil }
            position = (position + 1) & mask
        }
        return position
    }

    private mutating func grow() {
        let old = slots
        slots = [UInt64](repeating: 0, count: old.count * 2)
        for value in old where value != 0 {
            if let position = place(of: value) { slots[position] = value }
        }
    }
}
