package import FoundationEssentials
package import Storage

/// Who may ring how much now: pure arithmetic over what waits.
///
/// Institutions take turns. A turn is worth as many steps as the institution's weight; whose last turn ended longest
/// ago goes first, and what one cannot use goes to the others. Nobody gets more than its limits leave: steps in flight,
/// and tokens of its bucket, which fills while time passes and is drawn on once for a whole batch.
///
/// A turn that a look has no room for, or a limit breaks off, goes on at the next: the place and what is left of the
/// turn are kept. So the shares are those of the weights even where each look may ring for a single step.
package enum DispatchPolicy {
    /// - Parameters:
    ///   - lanes: institutions with steps that are due, each once; of the steps of one, more than `batch` are counted
    ///     where there are more.
    ///   - batch: steps in all; none are granted if it is 0 or less.
    /// - Returns: grants of one step or more, in the order in which the institutions' last turns have ended.
    package static func grants(_ lanes: [OutboxStore.Lane], batch: Int, now: Date) -> [OutboxStore.Grant] {
        var open: [Turn] = lanes.compactMap { lane in
            let tokens = lane.bucket.map { filled($0, at: now) }
            let room = min(lane.due, lane.room ?? .max, tokens.map { Int($0) } ?? .max)
            return room > 0 ? Turn(lane, tokens: tokens, room: room) : nil
        }
        open.sort { ($0.lane.servedAt, $0.lane.institution) < ($1.lane.servedAt, $1.lane.institution) }
        var left = batch
        var endings = 0
        var done: [Turn] = []
        while left > 0, !open.isEmpty {
            // Whole rounds at once while there is enough for everybody; then one round, first come first served.
            let weights = open.reduce(0) { $0 + $1.lane.weight }
            let rounds = max(1, left / weights)
            for index in open.indices where left > 0 {
                let (given, endsTurn) = open[index].give(rounds: rounds, atMost: left)
                left -= given
                guard endsTurn else { continue }
                endings += 1
                open[index].endedAs = endings
            }
            done += open.filter { $0.count == $0.room }
            open.removeAll { $0.count == $0.room }
        }
        return (done + open).filter { $0.count > 0 }.sorted { $0.endedAs ?? 0 < $1.endedAs ?? 0 }.map(\.grant)
    }

    private struct Turn {
        let lane: OutboxStore.Lane
        let tokens: Double?
        let room: Int
        var count = 0
        /// Steps left of a turn that has begun.
        var rest: Int?
        /// Its place among the turns that ended in this look.
        var endedAs: Int?

        init(_ lane: OutboxStore.Lane, tokens: Double?, room: Int) {
            self.lane = lane
            self.tokens = tokens
            self.room = room
            // The weight may have been lowered since.
            rest = lane.turnLeft > 0 ? min(lane.turnLeft, lane.weight) : nil
        }

        /// Carries on the turn that has begun, if there is one, and takes as many more as make up the rounds.
        mutating func give(rounds: Int, atMost left: Int) -> (given: Int, endsTurn: Bool) {
            let first = rest ?? lane.weight
            let asked = first + (rounds - 1) * lane.weight
            let given = min(room - count, asked, left)
            count += given
            // Who has nothing more that is due is through with its turn.
            let isThrough = count == lane.due
            let unused = (asked - given) % lane.weight
            rest = isThrough || unused == 0 ? nil : unused
            return (given, isThrough || given >= first)
        }

        var grant: OutboxStore.Grant {
            OutboxStore.Grant(
                institution: lane.institution, count: count, tokens: tokens.map { $0 - Double(count) },
                endsTurn: endedAs != nil, turnLeft: rest ?? 0, weight: lane.weight)
        }
    }

    /// What the bucket holds now; one that was never drawn on is full.
    static func filled(_ bucket: OutboxStore.Lane.Bucket, at now: Date) -> Double {
        let minutes = max(0, now.timeIntervalSince(bucket.refilledAt)) / 60
        return min(Double(bucket.burst), max(0, bucket.tokens) + minutes * Double(bucket.perMinute))
    }
}
