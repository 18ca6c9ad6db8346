package import CSV
import Glibc

/// Ids to small numbers and back: every id of a table once, in one block of memory.
///
/// A million `String` keys in a dictionary cost some 150 MB and two allocations each. Here an id costs its bytes, 8 of
/// entry header and some 20 of tables. A slot of the hash table holds 32 bits of the hash beside the entry's place, so
/// that a lookup touches the slot and the entry and nothing else; at six million lookups the cache misses are what
/// counts. The hash has a seed of its own in each process, against made-up ids; nothing in the output depends on it.
package struct IdentityTable: ~Copyable {
    private static let headerBytes = 8

    private var arena: UnsafeMutableRawPointer
    private var arenaCapacity: Int
    private var arenaFilled = 8
    private var slots: UnsafeMutablePointer<UInt64>
    private var slotCount: Int
    private var entries: [UInt32] = []
    private let seed: UInt64

    /// How many ids.
    package var count: Int { entries.count }

    /// An empty table with room for about `expected` ids.
    package init(expecting expected: Int = 0) {
        arenaCapacity = 1 << 12
        arena = .allocate(byteCount: arenaCapacity, alignment: 16)
        slotCount = 64
        while slotCount < min(expected, 1 << 26) * 2 { slotCount *= 2 }
        slots = Self.emptySlots(slotCount)
        seed = UInt64.random(in: .min ... .max)
    }

    deinit {
        free(arena)
        free(slots)
    }

    /// Untouched pages of a big zeroed block cost no memory.
    private static func emptySlots(_ count: Int) -> UnsafeMutablePointer<UInt64> {
        guard let block = calloc(count, MemoryLayout<UInt64>.stride) else {
            preconditionFailure("no memory for \(count) slots")
        }
        return block.bindMemory(to: UInt64.self, capacity: count)
    }

    /// The number of an id, or -1.
    package func find(_ id: ByteView) -> Int {
        let slot = slots[place(of: id, hash: id.hash(seed: seed))]
        return slot == 0 ? -1 : Int(entry(slot).load(as: UInt32.self))
    }

    /// Finds an id or takes it in.
    package mutating func insert(_ id: ByteView) -> (index: Int, isNew: Bool) {
        if (entries.count + 1) * 4 > slotCount * 3 { rehash() }
        let hash = id.hash(seed: seed)
        let position = place(of: id, hash: hash)
        guard slots[position] == 0 else { return (Int(entry(slots[position]).load(as: UInt32.self)), false) }
        let offset = append(id)
        slots[position] = (hash & 0xFFFF_FFFF) << 32 | UInt64(offset)
        entries.append(offset)
        return (entries.count - 1, true)
    }

    /// The bytes of an id; valid until the next insertion.
    @inline(__always)
    package func bytes(of index: Int) -> ByteView {
        let start = arena + Int(entries[index]) << 3
        let length = Int(start.load(fromByteOffset: 4, as: UInt32.self))
        return ByteView(base: (start + Self.headerBytes).assumingMemoryBound(to: UInt8.self), count: length)
    }

    private func entry(_ slot: UInt64) -> UnsafeMutableRawPointer { arena + Int(slot & 0xFFFF_FFFF) << 3 }

    private func place(of id: ByteView, hash: UInt64) -> Int {
        let mask = slotCount &- 1
        let tag = hash & 0xFFFF_FFFF
        var position = Int(truncatingIfNeeded: tag) & mask
        while true {
            let slot = slots[position]
            if slot == 0 { return position }
            if slot &>> 32 == tag {
                let start = entry(slot)
                let length = Int(start.load(fromByteOffset: 4, as: UInt32.self))
                if length == id.count && memcmp(start + Self.headerBytes, id.base, length) == 0 { return position }
            }
            position = (position &+ 1) & mask
        }
    }

    private mutating func append(_ id: ByteView) -> UInt32 {
        let needed = arenaFilled + Self.headerBytes + id.count + 8
        if needed > arenaCapacity {
            while arenaCapacity < needed { arenaCapacity += max(arenaCapacity / 2, 1 << 12) }
            guard let larger = realloc(arena, arenaCapacity) else {
                preconditionFailure("no memory for \(arenaCapacity) bytes")
            }
            arena = larger
        }
        precondition(arenaFilled >> 3 < UInt32.max, "more than 32 GiB of ids")
        let start = arena + arenaFilled
        start.storeBytes(of: UInt32(entries.count), as: UInt32.self)
        start.storeBytes(of: UInt32(id.count), toByteOffset: 4, as: UInt32.self)
        memcpy(start + Self.headerBytes, id.base, id.count)
        let offset = UInt32(arenaFilled >> 3)
        arenaFilled += (Self.headerBytes + id.count + 7) & ~7
        return offset
    }

    private mutating func rehash() {
        let (old, oldCount) = (slots, slotCount)
        slotCount *= 2
        slots = Self.emptySlots(slotCount)
        let mask = slotCount - 1
        for index in 0..<oldCount where old[index] != 0 {
            var position = Int(truncatingIfNeeded: old[index] &>> 32) & mask
            while slots[position] != 0 { position = (position + 1) & mask }
            slots[position] = old[index]
        }
        free(old)
    }
}

extension IdentityTable {
    /// The ids' numbers in the order of their bytes.
    package func sortedOrder() -> [UInt32] {
        var keys: [(prefix: UInt64, index: UInt32)] = []
        keys.reserveCapacity(count)
        for index in 0..<count { keys.append((prefix(of: index), UInt32(index))) }
        let isSorted = zip(keys, keys.dropFirst()).allSatisfy { precedes($0, $1) }
        if !isSorted { keys.sort { precedes($0, $1) } }
        return keys.map(\.index)
    }

    private func precedes(_ left: (prefix: UInt64, index: UInt32), _ right: (prefix: UInt64, index: UInt32)) -> Bool {
        if left.prefix != right.prefix { return left.prefix < right.prefix }
        return bytes(of: Int(left.index)).precedes(bytes(of: Int(right.index)))
    }

    /// The first eight bytes as a number that sorts as they do.
    private func prefix(of index: Int) -> UInt64 {
        let id = bytes(of: index)
        var value: UInt64 = 0
        for position in 0..<8 { value = value << 8 | (position < id.count ? UInt64(id[position]) : 0) }
        return value
    }
}
