package import FoundationEssentials
package import Storage

/// Who may ring how much now: pure arithmetic over what waits.
///
/// Institutions take turns. Each turn is worth as many steps as the institution's weight; who was served longest ago
/// goes first, and what one cannot use goes to the others. Nobody gets more than its limits leave: steps in flight,
/// and tokens of its bucket, which fills while time passes and is drawn on once for a whole batch.
package enum DispatchPolicy {
    /// - Parameters:
    ///   - lanes: institutions with steps that are due, each once.
    ///   - batch: steps in all; none are granted if it is 0 or less.
    /// - Returns: grants of one step or more, in no order.
    package static func grants(_ lanes: [OutboxStore.Lane], batch: Int, now: Date) -> [OutboxStore.Grant] {
        var open: [Turn] = lanes.compactMap { lane in
            let tokens = lane.bucket.map { filled($0, at: now) }
            let room = min(lane.due, lane.room ?? .max, tokens.map { Int($0) } ?? .max)
            guard room > 0 else { return nil }
            return Turn(lane: lane, tokens: tokens, room: room)
        }
        open.sort { ($0.lane.servedAt, $0.lane.institution) < ($1.lane.servedAt, $1.lane.institution) }
        var left = batch
        var done: [Turn] = []
        while left > 0, !open.isEmpty {
            // Whole rounds at once while there is enough for everybody; then one round, first come first served.
            let weights = open.reduce(0) { $0 + $1.lane.weight }
            let rounds = max(1, left / weights)
            for index in open.indices where left > 0 {
                let given = min(open[index].room - open[index].count, rounds * open[index].lane.weight, left)
                open[index].count += given
                left -= given
            }
            done += open.filter { $0.count == $0.room }
            open.removeAll { $0.count == $0.room }
        }
        return (done + open).filter { $0.count > 0 }.map { turn in
            OutboxStore.Grant(
                institution: turn.lane.institution, count: turn.count,
                tokens: turn.tokens.map { $0 - Double(turn.count) })
        }
    }

    private struct Turn {
        let lane: OutboxStore.Lane
        let tokens: Double?
        let room: Int
        var count = 0
    }

    /// What the bucket holds now; one that was never drawn on is full.
    static func filled(_ bucket: OutboxStore.Lane.Bucket, at now: Date) -> Double {
        let minutes = max(0, now.timeIntervalSince(bucket.refilledAt)) / 60
        return min(Double(bucket.burst), max(0, bucket.tokens) + minutes * Double(bucket.perMinute))
    }
}
