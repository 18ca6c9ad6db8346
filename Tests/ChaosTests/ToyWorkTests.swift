import Chaos
import Foundation
import Jobs
import Testing

@Suite(.timeLimit(.minutes(5)))
struct ToyWorkTests {
    @Test(arguments: [
        ToyWork(5...400), ToyWork(0...0, parts: 3), ToyWork(1...2, crashes: true), ToyWork(1...2, isDeaf: true),
    ])
    func `work survives its way through an integration`(work: ToyWork) {
        #expect(ToyWork(location: work.location) == work)
    }

    @Test(arguments: ["https://school.example/roster.zip", "toy:", "toy:least=5", "toy:least=9,most=5", "toy:least"])
    func `what is no work is refused`(location: String) {
        #expect(ToyWork(location: location) == nil)
    }

    @Test func `a step takes the same time in each attempt, and no longer than it may`() {
        let work = ToyWork(5...400)
        for _ in 0..<200 {
            let step = StepID(job: .random(), ordinal: 1)
            #expect(work.duration(of: step) == work.duration(of: step))
            #expect((.milliseconds(5) ... .milliseconds(400)).contains(work.duration(of: step)))
        }
    }
}
