import Dispatcher
import FoundationEssentials
import Storage
import Testing

@Suite struct DispatchPolicyTests {
    private let now = Date(timeIntervalSince1970: 1_700_000_000)

    private func counts(_ lanes: [OutboxStore.Lane], batch: Int) -> [Int64: Int] {
        Dictionary(
            uniqueKeysWithValues: DispatchPolicy.grants(lanes, batch: batch, now: now).map {
                ($0.institution, $0.count)
            })
    }

    private func lane(_ id: Int64, due: Int, weight: Int = 1, room: Int? = nil, servedBefore seconds: Double = 0)
        -> OutboxStore.Lane
    {
        OutboxStore.Lane(
            institution: id, weight: weight, room: room, due: due, servedAt: now.addingTimeInterval(-seconds))
    }

    @Test func `one with very many steps leaves the others theirs`() {
        let small = (2...100).map { lane(Int64($0), due: 1) }
        let counts = counts([lane(1, due: 50_000)] + small, batch: 200)
        #expect(counts[1] == 101)
        #expect(small.allSatisfy { counts[$0.institution] == 1 })
    }

    @Test func `turns are worth as much as the weights say`() {
        #expect(counts([lane(1, due: 900, weight: 3), lane(2, due: 900, weight: 1)], batch: 400) == [1: 300, 2: 100])
    }

    /// Weighted round-robin by the book: of two who always have something waiting, neither is a turn ahead by more
    /// than one, however the looks are cut.
    @Test func `however few each look may ring, the shares are those of the weights`() {
        var generator = SeededGenerator(state: 5)
        for _ in 0..<200 {
            let weights = (0..<Int.random(in: 2...6, using: &generator)).map { _ in
                Int.random(in: 1...12, using: &generator)
            }
            var lanes = weights.enumerated().map { lane(Int64($0), due: 1_000_000, weight: $1) }
            let most = [1, 2, 7, 40][Int.random(in: 0...3, using: &generator)]
            var served = weights.map { _ in 0 }
            for look in 1...300 {
                let grants = DispatchPolicy.grants(lanes, batch: .random(in: 1...most, using: &generator), now: now)
                for (place, grant) in grants.enumerated() {
                    let index = Int(grant.institution)
                    served[index] += grant.count
                    lanes[index] = follow(lanes[index], grant, look: look, place: place)
                }
                let turns = zip(served, weights).map { Double($0) / Double($1) }
                #expect((turns.max() ?? 0) - (turns.min() ?? 0) <= 1)
            }
        }
    }

    /// What a look leaves behind, as the database keeps it.
    private func follow(_ lane: OutboxStore.Lane, _ grant: OutboxStore.Grant, look: Int, place: Int)
        -> OutboxStore.Lane
    {
        OutboxStore.Lane(
            institution: lane.institution, weight: lane.weight, due: lane.due,
            servedAt: grant.endsTurn ? now.addingTimeInterval(Double(look) + Double(place) / 1000) : lane.servedAt,
            turnLeft: grant.turnLeft)
    }

    @Test func `a turn that a limit breaks off goes on, one whose steps are all rung is over`() {
        func grant(due: Int, room: Int? = nil, turnLeft: Int = 0, weight: Int = 5) -> OutboxStore.Grant? {
            let lane = OutboxStore.Lane(institution: 1, weight: weight, room: room, due: due, turnLeft: turnLeft)
            return DispatchPolicy.grants([lane], batch: 50, now: now).first
        }
        typealias Grant = OutboxStore.Grant
        #expect(
            grant(due: 9, room: 2)
                == Grant(institution: 1, count: 2, tokens: nil, endsTurn: false, turnLeft: 3, weight: 5))
        #expect(grant(due: 9, room: 2, turnLeft: 3)?.turnLeft == 1)
        #expect(
            grant(due: 9, room: 4, turnLeft: 3) == Grant(institution: 1, count: 4, tokens: nil, turnLeft: 4, weight: 5))
        #expect(grant(due: 2) == Grant(institution: 1, count: 2, tokens: nil, weight: 5))
        #expect(grant(due: 9, room: 1, turnLeft: 4, weight: 2)?.turnLeft == 1, "the weight was lowered meanwhile")
    }

    @Test func `what one cannot use goes to the others`() {
        let lanes = [lane(1, due: 10), lane(2, due: 900, room: 20), lane(3, due: 900)]
        #expect(counts(lanes, batch: 300) == [1: 10, 2: 20, 3: 270])
    }

    @Test func `who was served longest ago goes first where there is not enough for all`() {
        let lanes = (1...50).map { lane(Int64($0), due: 5, servedBefore: Double($0)) }
        #expect(Set(counts(lanes, batch: 10).keys) == Set(41...50))
    }

    @Test(arguments: [0, -5]) func `without room nothing is granted`(room: Int) {
        #expect(counts([lane(1, due: 5)], batch: room).isEmpty)
        #expect(counts([lane(1, due: 5, room: 0)], batch: 10).isEmpty)
    }

    @Test func `a batch is never exceeded, a limit never passed, and nothing is left over that could be used`() {
        var generator = SeededGenerator(state: 11)
        for _ in 0..<500 {
            let lanes = (1...Int64.random(in: 1...30, using: &generator)).map { id in
                lane(
                    id, due: .random(in: 1...40, using: &generator), weight: .random(in: 1...10, using: &generator),
                    room: Bool.random(using: &generator) ? .random(in: 0...20, using: &generator) : nil)
            }
            let batch = Int.random(in: 1...400, using: &generator)
            let counts = counts(lanes, batch: batch)
            let rooms = lanes.map { min($0.due, $0.room ?? .max) }
            #expect(zip(lanes, rooms).allSatisfy { counts[$0.institution] ?? 0 <= $1 })
            #expect(counts.values.reduce(0, +) == min(batch, rooms.reduce(0, +)))
        }
    }

    @Test func `a bucket is drawn on once for a batch, fills while time passes, and never runs over`() {
        func grant(tokens: Double, idle seconds: Double, batch: Int = 100) -> OutboxStore.Grant? {
            let bucket = OutboxStore.Lane.Bucket(
                tokens: tokens, refilledAt: now.addingTimeInterval(-seconds), perMinute: 60, burst: 30)
            return DispatchPolicy.grants(
                [OutboxStore.Lane(institution: 1, bucket: bucket, due: 100)], batch: batch, now: now
            ).first
        }
        #expect(grant(tokens: 0, idle: 0) == nil)
        #expect(grant(tokens: 0.4, idle: 0.5) == nil)
        #expect(grant(tokens: 0, idle: 10) == OutboxStore.Grant(institution: 1, count: 10, tokens: 0))
        #expect(grant(tokens: 5, idle: 10, batch: 4)?.tokens == 11)
        #expect(grant(tokens: 0, idle: 86_400)?.count == 30)
    }
}

/// The same numbers in each run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}
