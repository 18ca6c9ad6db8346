/// Which statements a session has prepared, under which names; forgets the least recently used.
///
/// Pure. A statement that must go first counts as doomed until the server has confirmed that it is gone.
struct StatementCache {
    /// A statement's text and the types of its values.
    ///
    /// The same source makes the same pieces, which are then compared by their addresses: of thousands of characters
    /// none is read. So the lengths of the pieces are what is hashed.
    struct Key: Hashable {
        private let pieces: [String?]
        let types: [UInt32]

        init(_ query: PostgresQuery) {
            pieces = query.pieces
            types = query.binds.map { $0.type }
        }

        func hash(into hasher: inout Hasher) {
            for piece in pieces { hasher.combine(piece?.utf8.count ?? -1) }
            hasher.combine(types)
        }
    }

    private struct Entry {
        let name: String
        var lastUse: UInt64
    }

    private let limit: Int
    private var entries: [Key: Entry] = [:]
    private var useCount: UInt64 = 0
    private var nameCount: UInt64 = 0
    /// Names to deallocate with the next exchange.
    private(set) var doomed: [String] = []

    /// - Parameter limit: 1 or more.
    init(limit: Int) {
        self.limit = max(1, limit)
    }

    var count: Int { entries.count }

    /// The name of a prepared statement.
    mutating func name(of key: Key) -> String? {
        useCount += 1
        guard let index = entries.index(forKey: key) else { return nil }
        entries.values[index].lastUse = useCount
        return entries.values[index].name
    }

    /// A name that no statement of the session has had yet.
    mutating func makeName() -> String {
        nameCount += 1
        return "s\(nameCount)"
    }

    /// The server has prepared it.
    mutating func insert(_ key: Key, name: String) {
        if entries.count >= limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            entries[oldest.key] = nil
            doomed.append(oldest.value.name)
        }
        useCount += 1
        entries[key] = Entry(name: name, lastUse: useCount)
    }

    /// The server has deallocated it.
    mutating func didDeallocate(_ name: String) {
        doomed.removeAll { $0 == name }
    }

    /// The server's statements are stale or gone: prepare everything anew, under new names.
    mutating func forgetAll() {
        entries = [:]
        doomed = []
    }
}
