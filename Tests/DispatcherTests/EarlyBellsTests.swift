import Jobs
import Storage
import Testing

@testable import Dispatcher

struct EarlyBellsTests {
    private let steps = (0..<200).map { _ in StepID(job: .random(), ordinal: 1) }

    /// A whole look.
    private func look(_ early: inout EarlyBells, marking steps: StepID...) -> [StepID] {
        early.beginLook()
        return end(&early, marking: steps)
    }

    private func end(_ early: inout EarlyBells, marking steps: [StepID], isFirst: Bool = true) -> [StepID] {
        early.endLook(
            marked: steps.map {
                OutboxStore.RungTicket(
                    StepMessage(job: $0.job, ordinal: $0.ordinal, kind: .extract), isFirst: isFirst)
            }
        ).map(\.step)
    }

    @Test func `what rang early is not published by the look that marks it, and all else is`() {
        var early = EarlyBells()
        let mayRing = [early.ring(steps[0]), early.ring(steps[1])]
        #expect(mayRing == [true, true])
        let first = look(&early, marking: steps[0], steps[1], steps[2])
        #expect(first == [steps[2]])
        let second = look(&early, marking: steps[0], steps[1])
        #expect(second == [steps[0], steps[1]], "put back and due again")
    }

    @Test(arguments: [true, false])
    func `one that rings during a look is known to that look and to the next`(isMarkedAtOnce: Bool) {
        var early = EarlyBells()
        early.beginLook()
        _ = early.ring(steps[0])
        let first = end(&early, marking: isMarkedAtOnce ? [steps[0]] : [])
        #expect(first == [])
        let second = look(&early, marking: steps[0])
        #expect(second == (isMarkedAtOnce ? [steps[0]] : []))
    }

    @Test func `one that a look did not find is no longer awaited`() {
        var early = EarlyBells()
        _ = early.ring(steps[0])
        let first = look(&early)
        let second = look(&early, marking: steps[0])
        #expect(first == [] && second == [steps[0]])
    }

    @Test func `one whose ticket somebody has touched is published by the look that marks it`() {
        var early = EarlyBells()
        _ = early.ring(steps[0])
        early.beginLook()
        let published = end(&early, marking: [steps[0]], isFirst: false)
        #expect(published == [steps[0]])
    }

    @Test func `what the broker did not take is published by whoever marks it`() {
        var early = EarlyBells()
        _ = early.ring(steps[0])
        early.beginLook()
        early.forget([steps[0], steps[1]])
        let published = end(&early, marking: [steps[0]])
        #expect(published == [steps[0]])
    }

    @Test func `only so many ring between two looks`() {
        var early = EarlyBells()
        for _ in 0..<2 {
            var rung = 0
            for step in steps where early.ring(step) { rung += 1 }
            #expect(rung == EarlyBells.limit)
            _ = look(&early)
        }
    }

    /// Any order of bells, refusals and looks.
    @Test(arguments: 0..<200)
    func `whatever the order, no ticket is marked without a bell`(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var early = EarlyBells()
        var waiting: Set<StepID> = []
        var published: Set<StepID> = []
        var isLooking = false
        for step in steps.prefix(100) {
            waiting.insert(step)
            if early.ring(step) {
                if Bool.random(using: &random) {
                    published.insert(step)
                } else {
                    early.forget([step])
                }
            }
            switch (Bool.random(using: &random), isLooking) {
            case (false, _): continue
            case (true, false): early.beginLook()
            case (true, true):
                let marked = waiting.filter { _ in Bool.random(using: &random) }
                waiting.subtract(marked)
                published.formUnion(end(&early, marking: Array(marked)))
                #expect(marked.isSubset(of: published))
            }
            isLooking.toggle()
        }
    }
}
