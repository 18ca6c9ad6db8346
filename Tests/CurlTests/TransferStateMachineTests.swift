import HTTPTypes
import Testing

@testable import Curl

/// Waiters are names here, so that each action can be compared.
struct TransferStateMachineTests {
    typealias Machine = TransferStateMachine<String, String>

    private let head = ResponseHeadParser.Head(response: HTTPResponse(status: .ok), version: "HTTP/1.1")
    private let error = CurlError(.receiveFailed, operation: "GET x", sentCompletely: true)

    @Test
    func `a head goes to whoever waits, or waits itself`() {
        var early = Machine(bufferLimit: 4)
        #expect(text(early.awaitHead("a")) == "suspend")
        #expect(text(early.received(head: head)) == "a: 200")
        var late = Machine(bufferLimit: 4)
        #expect(text(late.received(head: head)) == "suspend")
        #expect(text(late.awaitHead("b")) == "b: 200")
    }

    @Test
    func `bytes are kept up to the limit, then refused until they are taken`() {
        var machine = Machine(bufferLimit: 4)
        #expect(text(machine.received(bytes: [1, 2, 3])) == "buffered")
        #expect(text(machine.received(bytes: [4, 5])) == "buffered")
        #expect(text(machine.received(bytes: [6])) == "pause")
        #expect(text(machine.awaitChunk("a")) == "a: [1, 2, 3, 4, 5] resume")
        #expect(text(machine.received(bytes: [6])) == "buffered")
        #expect(text(machine.awaitChunk("b")) == "b: [6]")
        #expect(text(machine.awaitChunk("c")) == "suspend")
        #expect(text(machine.received(bytes: [7])) == "c: [7]")
    }

    @Test
    func `the end comes after the bytes`() {
        var machine = Machine(bufferLimit: 4)
        _ = machine.received(head: head)
        _ = machine.received(bytes: [1])
        let ended = machine.finish(nil, headless: error)
        #expect(ended.chunk == nil)
        #expect(text(machine.awaitChunk("a")) == "a: [1]")
        #expect(text(machine.awaitChunk("b")) == "b: end")
        #expect(text(machine.awaitChunk("c")) == "c: end")
    }

    @Test
    func `a failure comes after the bytes, and to a head that never came`() {
        var machine = Machine(bufferLimit: 4)
        _ = machine.received(head: head)
        _ = machine.received(bytes: [1])
        _ = machine.finish(error, headless: error)
        #expect(text(machine.awaitHead("h")) == "h: 200")
        #expect(text(machine.awaitChunk("a")) == "a: [1]")
        #expect(text(machine.awaitChunk("b")) == "b: receiveFailed")
        var headless = Machine(bufferLimit: 4)
        _ = headless.awaitHead("h")
        let action1 = headless.finish(error, headless: error)
        #expect(action1.head?.0 == "h")
        var unasked = Machine(bufferLimit: 4)
        _ = unasked.finish(error, headless: error)
        #expect(text(unasked.awaitHead("h")) == "h: receiveFailed")
    }

    @Test
    func `a reader asleep is woken by the end, and the second end is nothing`() {
        var machine = Machine(bufferLimit: 4)
        _ = machine.received(head: head)
        _ = machine.awaitChunk("a")
        let woken = machine.finish(nil, headless: error)
        #expect(woken.chunk?.0 == "a")
        let action2 = machine.finish(error, headless: error)
        #expect(action2.chunk == nil)
        #expect(text(machine.awaitChunk("b")) == "b: end")
    }

    @Test
    func `cancelling is said to the loop once, and never after the end`() {
        var machine = Machine(bufferLimit: 4)
        let answers = [machine.requestCancel(), machine.requestCancel()]
        #expect(answers == [true, false])
        var ended = Machine(bufferLimit: 4)
        _ = ended.finish(nil, headless: error)
        let late = ended.requestCancel()
        #expect(!late)
    }

    @Test
    func `an end without head is a failure`() {
        var machine = Machine(bufferLimit: 4)
        _ = machine.awaitHead("h")
        let action3 = machine.finish(nil, headless: error)
        #expect(action3.head?.0 == "h")
    }

    private func text(_ action: Machine.HeadAction) -> String {
        switch action {
        case .suspend: "suspend"
        case .deliver(let waiter, .success(let head)): "\(waiter): \(head.response.status.code)"
        case .deliver(let waiter, .failure(let error)): "\(waiter): \(error.code)"
        }
    }

    private func text(_ action: Machine.ReceiveAction) -> String {
        switch action {
        case .buffered: "buffered"
        case .pause: "pause"
        case .deliver(let waiter, let bytes): "\(waiter): \(bytes)"
        }
    }

    private func text(_ action: Machine.ChunkAction) -> String {
        switch action {
        case .suspend: "suspend"
        case .deliver(let waiter, .success(let bytes), let resume):
            "\(waiter): \(bytes.map { "\($0)" } ?? "end")\(resume ? " resume" : "")"
        case .deliver(let waiter, .failure(let error), _): "\(waiter): \(error.code)"
        }
    }
}
