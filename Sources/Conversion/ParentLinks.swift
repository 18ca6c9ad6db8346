/// Cuts circles out of parents, so that whoever climbs arrives.
enum ParentLinks {
    /// Removes the parent of the lowest record of each circle.
    ///
    /// - Parameter parents: for each record its parent, or -1.
    /// - Parameter rank: each record's place in the order of ids.
    /// - Returns: the records that lost their parent.
    static func cutCycles(_ parents: inout [Int], rank: [Int]) -> [Int] {
        var walk = [Int](repeating: 0, count: parents.count)
        var cut: [Int] = []
        for start in parents.indices where walk[start] == 0 {
            var node = start
            while node >= 0 && walk[node] == 0 {
                walk[node] = start + 1
                node = parents[node]
            }
            guard node >= 0 && walk[node] == start + 1 else { continue }
            // The walk came back to itself: `node` is on a circle.
            var lowest = node
            var next = parents[node]
            while next != node && next >= 0 {
                if rank[next] < rank[lowest] { lowest = next }
                next = parents[next]
            }
            parents[lowest] = -1
            cut.append(lowest)
        }
        return cut
    }

    /// Each record's place in an order.
    static func ranks(_ order: [UInt32]) -> [Int] {
        var ranks = [Int](repeating: 0, count: order.count)
        for (rank, index) in order.enumerated() { ranks[Int(index)] = rank }
        return ranks
    }
}
