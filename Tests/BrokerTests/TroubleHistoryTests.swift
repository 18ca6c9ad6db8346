import Broker
import Testing

@Suite struct TroubleHistoryTests {
    let begin = ContinuousClock.now
    let exchange = BrokerTrouble.exchangeMissing(name: "e")
    let queue = BrokerTrouble.queueMissing(name: "q")
    let lost = BrokerTrouble.unreachable(words: "could not connect", remedy: "Start it.")

    private func at(_ seconds: Int) -> ContinuousClock.Instant { begin + .seconds(seconds) }

    @Test func `a trouble is told when it is found and when it is over, and not in between`() {
        var history = TroubleHistory()
        #expect(history.take(.init(troubles: [exchange]), at: at(0)) == [.found(exchange)])
        #expect(history.take(.init(troubles: [exchange, queue]), at: at(5)) == [.found(queue)])
        #expect(history.take(.init(troubles: [queue]), at: at(10)) == [.mended(exchange, after: .seconds(10))])
        #expect(history.lasting == [queue])
        #expect(history.take(.init(), at: at(15)) == [.mended(queue, after: .seconds(10))])
        #expect(history.take(.init(), at: at(20)).isEmpty)
    }

    @Test func `while the broker is away the others neither end nor begin`() {
        var history = TroubleHistory()
        _ = history.take(.init(troubles: [queue]), at: at(0))
        #expect(history.take(.init(troubles: [lost], isWhole: false), at: at(5)) == [.found(lost)])
        #expect(history.lasting == [queue, lost])
        let back = history.take(.init(troubles: [queue]), at: at(20))
        #expect(back == [.mended(lost, after: .seconds(15))])
        #expect(history.take(.init(), at: at(25)) == [.mended(queue, after: .seconds(25))])
    }

    @Test func `a look that broke off ends only what it disproves`() {
        var history = TroubleHistory()
        _ = history.take(.init(troubles: [queue]), at: at(0))
        #expect(history.take(.init(isWhole: false), at: at(5)).isEmpty)
        #expect(history.lasting == [queue])
    }

    @Test func `an alarm whose words change is the same alarm`() {
        var history = TroubleHistory()
        let first = BrokerTrouble.alarm(reason: "low on memory")
        #expect(history.take(.init(troubles: [first]), at: at(0)) == [.found(first)])
        #expect(history.take(.init(troubles: [.alarm(reason: "low on disk")]), at: at(5)).isEmpty)
        #expect(history.take(.init(), at: at(9)) == [.mended(first, after: .seconds(9))])
    }

    @Test func `what was put right in the same look is one line`() {
        var history = TroubleHistory()
        #expect(history.take(.init(repaired: [queue]), at: at(0)) == [.repaired(queue)])
        #expect(history.lasting.isEmpty)
        // Had it been found before, its end is told like any other.
        _ = history.take(.init(troubles: [queue]), at: at(5))
        #expect(history.take(.init(repaired: [queue]), at: at(10)) == [.mended(queue, after: .seconds(5))])
    }

    @Test func `every trouble has a kind that is listed, words without a full stop and a remedy with one`() {
        let all: [BrokerTrouble] = [
            lost, .passwordRefused, .virtualHostRefused(name: "v"), .alarm(reason: "memory"), exchange, queue,
            .declaredOtherwise(name: "q"), .mayNotWrite(exchange: "e"), .mayNotRead(queue: "q"),
            .mayNotConfigure(names: ["queue q"]), .setting(queue: "q", words: "drops", remedy: "Mend it."),
            .other(words: "odd", remedy: "Look."),
        ]
        #expect(all.map(\.kind) == BrokerTrouble.kinds)
        for trouble in all {
            #expect(trouble.words.last != "." && trouble.remedy.last == ".", "\(trouble)")
        }
    }
}
