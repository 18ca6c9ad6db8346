import Testing

@testable import Chaos
@testable import LocalServers

struct StealTimeTests {
    /// The first line of a machine whose host had taken most of it for five minutes, and of the same ten seconds later.
    private static let early = "cpu  7522728 140218 1033047 3777758 63055 0 62780 723475 7 9\ncpu0 1 2 3\n"
    private static let late = "cpu  7522998 140218 1033166 3778119 63211 0 62795 725171 7 9\n"

    @Test func `the share is of all that the kernel counts, and guests are not counted twice`() throws {
        let early = try #require(StealTime.Count(Self.early))
        let late = try #require(StealTime.Count(Self.late))
        #expect(early.stolen == 723_475 && early.all == 13_323_061)
        let share = StealTime.share(from: early, to: late)
        #expect(abs(share - 1696.0 / 2617.0) < 1e-9)
        #expect(StealTime.share(from: late, to: early) == 0, "a counter that goes back is no share")
        #expect(StealTime.share(from: late, to: late) == 0)
    }

    @Test(arguments: ["", "intr 1 2", "cpu  1 2 3 4 5 6 7", "cpu0 1 2 3 4 5 6 7 8", "cpu  1 2 3 4 5 6 7 x"])
    func `what is no such line is not guessed at`(text: String) {
        #expect(StealTime.Count(text) == nil)
    }

    @Test func `this machine can be asked`() {
        #expect((0...1).contains(StealTime().share))
    }

    @Test func `the table of the failure tests says it`() {
        var result = ScenarioResult(number: 16, name: "flood")
        result.stolen = 0.837
        #expect("\(ScenarioTable([result]))".contains("| 84 %"))
    }
}
