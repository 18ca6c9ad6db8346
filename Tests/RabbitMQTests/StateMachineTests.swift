import Testing

@testable import RabbitMQ

@Suite struct ConfirmStateMachineTests {
    private let now = ContinuousClock.now

    private func machine(window: Int = 10, sent count: Int) -> (ConfirmStateMachine, batch: Int) {
        var machine = ConfirmStateMachine(window: window)
        let batch = machine.open((0..<count).map { message(id: "\($0)") })
        for index in 0..<count { machine.sent(batch: batch, index: index, at: now) }
        return (machine, batch)
    }

    private func message(id: String?) -> RabbitMQMessage {
        RabbitMQMessage(exchange: "x", routingKey: "k", body: [], messageID: id)
    }

    private func back(id: String?) -> RabbitMQReturn {
        RabbitMQReturn(code: 312, text: "NO_ROUTE", exchange: "x", routingKey: "k", messageID: id)
    }

    @Test func `confirms in any order complete the batch once`() {
        var (machine, batch) = machine(sent: 4)
        #expect(machine.confirm(tag: 3, multiple: false, isAccepted: true).isEmpty)
        #expect(machine.confirm(tag: 3, multiple: false, isAccepted: true).isEmpty)
        #expect(machine.unconfirmed == 3)
        #expect(machine.confirm(tag: 2, multiple: true, isAccepted: true).isEmpty)
        let completions = machine.confirm(tag: 4, multiple: true, isAccepted: false)
        #expect(completions.map(\.batch) == [batch])
        #expect(completions.first?.outcomes == [.confirmed, .confirmed, .confirmed, .rejected])
        #expect(machine.unconfirmed == 0)
        #expect(machine.oldestSentAt == nil)
    }

    @Test func `the window counts what is unconfirmed, not what is queued behind a gap`() {
        var (machine, _) = machine(window: 5, sent: 5)
        #expect(machine.room == 0)
        _ = machine.confirm(tag: 4, multiple: false, isAccepted: true)
        #expect(machine.room == 1)
        _ = machine.confirm(tag: 1, multiple: false, isAccepted: true)
        #expect(machine.room == 2)
    }

    @Test func `numbers that were never sent are ignored`() {
        var (machine, _) = machine(sent: 1)
        #expect(machine.confirm(tag: 0, multiple: true, isAccepted: true).isEmpty)
        #expect(machine.confirm(tag: 2, multiple: false, isAccepted: true).isEmpty)
        #expect(machine.unconfirmed == 1)
    }

    @Test func `returned messages are found by id, and without ids by their order`() {
        var (machine, _) = machine(sent: 3)
        machine.comesBack(back(id: "1"))
        let first = machine.confirm(tag: 3, multiple: true, isAccepted: true).first
        let returned = PublishOutcome.returned(code: 312, text: "NO_ROUTE")
        #expect(first?.outcomes == [.confirmed, returned, .confirmed])

        let batch = machine.open([message(id: nil), message(id: nil), message(id: "z")])
        for index in 0..<3 { machine.sent(batch: batch, index: index, at: now) }
        machine.comesBack(back(id: nil))
        machine.comesBack(back(id: nil))
        // One too many, and one of somebody else.
        machine.comesBack(back(id: nil))
        machine.comesBack(back(id: "other"))
        #expect(
            machine.confirm(tag: 6, multiple: true, isAccepted: true).first?.outcomes == [
                returned, returned, .confirmed,
            ])
    }

    @Test func `what is abandoned is unknown, and its numbers still count`() {
        var (machine, _) = machine(sent: 2)
        _ = machine.confirm(tag: 1, multiple: false, isAccepted: true)
        let error = RabbitMQError(.connectionLost, operation: "publish")
        #expect(machine.abandon(error).first?.outcomes == [.confirmed, .unknown(error)])
        #expect(machine.unconfirmed == 1)
        let batch = machine.open([message(id: "a")])
        machine.sent(batch: batch, index: 0, at: now)
        #expect(machine.confirm(tag: 2, multiple: false, isAccepted: true).isEmpty)
        #expect(machine.confirm(tag: 3, multiple: false, isAccepted: true).first?.outcomes == [.confirmed])
    }

    @Test func `two batches interleaved on the wire complete apart`() {
        var machine = ConfirmStateMachine(window: 10)
        let (a, b) = (machine.open([message(id: "a"), message(id: "b")]), machine.open([message(id: "c")]))
        machine.sent(batch: a, index: 0, at: now)
        machine.sent(batch: b, index: 0, at: now)
        machine.sent(batch: a, index: 1, at: now)
        #expect(machine.confirm(tag: 2, multiple: true, isAccepted: true).map(\.batch) == [b])
        machine.forget(batch: a)
        #expect(machine.confirm(tag: 3, multiple: true, isAccepted: true).isEmpty)
    }
}

@Suite struct SettlementStateMachineTests {
    private typealias Settlement = SettlementStateMachine.Settlement

    private func machine(delivered count: UInt64) -> SettlementStateMachine {
        var machine = SettlementStateMachine()
        for tag in 1...count { machine.delivered(tag: tag) }
        return machine
    }

    @Test func `a run at the front is one frame`() {
        var machine = machine(delivered: 10)
        #expect(machine.settle([3, 1, 2]) == [Settlement(tag: 3, multiple: true)])
        #expect(machine.unsettled == 7)
        #expect(machine.settle([4]) == [Settlement(tag: 4, multiple: false)])
    }

    @Test func `behind a gap each is named, and the gap closes with the last tag still held`() {
        var machine = machine(delivered: 6)
        #expect(machine.settle([4, 3]) == [Settlement(tag: 3, multiple: false), Settlement(tag: 4, multiple: false)])
        // 3 and 4 are gone at the broker: naming 4 would close the channel.
        #expect(machine.settle([1, 2]) == [Settlement(tag: 2, multiple: true)])
        #expect(machine.settle([5, 6]) == [Settlement(tag: 6, multiple: true)])
        #expect(machine.unsettled == 0)
    }

    @Test func `twice, unknown and future tags are left out`() {
        var machine = machine(delivered: 3)
        #expect(machine.settle([2, 2]) == [Settlement(tag: 2, multiple: false)])
        #expect(machine.settle([2, 0, 9]).isEmpty)
        #expect(machine.settle([1]) == [Settlement(tag: 1, multiple: false)])
        #expect(machine.settle([1, 2]).isEmpty)
        #expect(machine.unsettled == 1)
    }

    /// Plays random settlements against a model of the broker, which closes the channel for a tag that it does not
    /// hold.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func `every order of settling settles each tag exactly once`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var machine = SettlementStateMachine()
        var held = Set<UInt64>()
        var pending: [UInt64] = []
        var next: UInt64 = 1
        while next < 200 || !pending.isEmpty {
            for _ in 0..<Int.random(in: 0...5, using: &generator) where next < 200 {
                machine.delivered(tag: next)
                held.insert(next)
                pending.append(next)
                next += 1
            }
            pending.shuffle(using: &generator)
            let count = Int.random(in: 0...min(6, pending.count), using: &generator)
            let tags = Array(pending.prefix(count))
            pending.removeFirst(count)
            for settlement in machine.settle(tags) {
                #expect(held.contains(settlement.tag))
                held = settlement.multiple ? held.filter { $0 > settlement.tag } : held.subtracting([settlement.tag])
            }
            #expect(held == Set(pending))
            #expect(machine.unsettled == pending.count)
        }
    }
}

private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    // SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

@Suite struct RabbitMQConfigurationTests {
    @Test func `an address with everything in it is read`() throws {
        let url =
            "amqps://us%40er:p%3Aw%2F@one,two:6000,[::1]:7000/v%2Fhost"
            + "?heartbeat=5&verify=verify_none&cacertfile=/ca.pem"
        let configuration = try RabbitMQConfiguration(url: url)
        #expect(configuration.hosts.map(\.description) == ["one:5671", "two:6000", "[::1]:7000"])
        #expect(configuration.user == "us@er")
        #expect(configuration.password == "p:w/")
        #expect(configuration.virtualHost == "v/host")
        #expect(configuration.heartbeat == .seconds(5))
        #expect(configuration.tls == .enabled(caFile: "/ca.pem", verifyPeer: false))
    }

    @Test(arguments: ["amqp://localhost", "amqp://localhost/", "amqp://guest@localhost:5672/%2f"])
    func `no path is the virtual host /`(url: String) throws {
        let configuration = try RabbitMQConfiguration(url: url)
        #expect(configuration.virtualHost == "/")
        #expect(configuration.user == "guest")
        #expect(configuration.hosts == [.init("localhost")])
        #expect(configuration.tls == .disabled)
    }

    @Test(
        arguments: [
            ("http://localhost", "scheme"), ("amqp://", "host"), ("amqp://a:secret@", "host"),
            ("amqp://h:0", "port of host h"),
            ("amqp://h:99999", "port of host h"), ("amqp://h,,i", "host"), ("amqp://a:%zz@h", "password"),
            ("amqp://h?heartbeat=0", "parameter heartbeat"), ("amqp://h?color=red", "parameter color"),
            ("amqps://h?verify=maybe", "parameter verify"),
        ])
    func `an address that cannot be read names the part and not the secret`(url: String, part: String) {
        #expect {
            _ = try RabbitMQConfiguration(url: url)
        } throws: { error in
            guard let error = error as? RabbitMQError else { return false }
            return error.code == .invalidConfiguration && error.operation.contains("the \(part) of")
                && !"\(error)".contains("secret")
        }
    }

    @Test(arguments: RabbitMQError.Code.allCases)
    func `an error is a sentence with the remedy behind it`(code: RabbitMQError.Code) {
        let error = RabbitMQError(code, operation: "declare queue q", replyCode: 406, detail: "the broker's words")
        #expect("\(error)".hasPrefix("Could not declare queue q: "))
        #expect("\(error)".hasSuffix(" (406). \(error.remedy)"))
        #expect(code == .closed || code == .blocked || !"\(error)".contains(code.rawValue))
        #expect(!"\(error)".contains(error.detail) && String(reflecting: error).contains(error.detail))
    }

    @Test func `the backoff doubles up to its cap and is never zero`() {
        var generator = SeededGenerator(seed: 1)
        let backoff = RabbitMQConfiguration.Backoff()
        for attempt in 1...40 {
            let ceiling = min(backoff.cap, backoff.base * (1 << min(attempt - 1, 20)))
            for _ in 0..<50 {
                let delay = backoff.delay(attempt: attempt, using: &generator)
                #expect(delay >= .milliseconds(50) && delay <= ceiling)
            }
        }
    }
}
