import Broker
import FoundationEssentials
import Jobs
import LocalServers
import Logging
import RabbitMQ
import TestSupport
import Testing

@Suite struct DeadLetterTests {
    @Test func `the broker's own history is read, the latest death first`() throws {
        let message = StepMessage(job: .random(), ordinal: 2, kind: .convert)
        let letter = DeadLetter(
            delivery(
                MessageCodec.encode(message),
                deaths: [
                    .table([
                        "queue": "r.steps.convert", "reason": "delivery_limit", "count": 2, "time": .timestamp(2000),
                    ]),
                    .table([
                        "queue": "r.steps.convert", "reason": "rejected", "count": 3, "time": .timestamp(1000),
                    ]),
                ]))
        #expect(letter.queue == "r.steps.convert")
        #expect(letter.reason == .deliveryLimit)
        #expect(letter.deathCount == 5)
        #expect(letter.firstDeathAt == Date(timeIntervalSince1970: 1000))
        #expect(letter.content == .step(message))
        #expect(letter.messageID == "7")
    }

    @Test func `bytes that are no step message are kept, up to 4 KiB`() {
        let letter = DeadLetter(delivery(Array(repeating: 7, count: 10_000), deaths: []))
        #expect(
            letter.content
                == .unreadable(.unreadable, head: Array(repeating: 7, count: 4096), byteCount: 10_000))
        #expect(letter.reason == .other("unknown"))
        #expect(letter.firstDeathAt == nil && letter.queue.isEmpty)
    }

    @Test func `a history of another shape is no history`() {
        let letter = DeadLetter(delivery([], deaths: ["rejected", .table(["reason": "expired"]), .array([])]))
        #expect(letter.deaths.isEmpty)
    }

    @Test func `a history that the broker cannot have written does no harm`() {
        let forged: RabbitMQValue = .table([
            "queue": "a\u{0}b", "reason": "x\u{0}", "count": .integer(.max), "time": .timestamp(.max),
        ])
        let letter = DeadLetter(delivery([], deaths: [forged, forged]))
        #expect(letter.deathCount == 2_000_000_000)
        #expect(letter.firstDeathAt == nil)
        #expect(letter.queue == "a\u{FFFD}b" && letter.reason == .other("x\u{FFFD}"))
    }

    @Test(arguments: ["rejected", "delivery_limit", "expired", "maxlen", "something_new"])
    func `the broker's word for a reason survives`(word: String) {
        #expect(DeadLetter.Reason(word: word).word == word)
    }

    private func delivery(_ body: [UInt8], deaths: [RabbitMQValue]) -> RabbitMQDelivery {
        RabbitMQDelivery(
            body: body, properties: RabbitMQProperties(messageID: "7", headers: ["x-death": .array(deaths)]),
            exchange: "r.dead", routingKey: "convert", queue: "r.dead", isRedelivered: false, tag: 1, epoch: 1)
    }
}

@Suite(.rabbitMQ, .timeLimit(.minutes(5)))
struct DeadLetterConsumerTests {
    @Test func `a rejected doorbell can be read, and leaves only when it is acknowledged`() async throws {
        try await withTopology { configuration, topology in
            let local = try #require(RabbitMQServer.current).local
            for policy in topology.policies { try await local.ctl(policy.commandArguments) }
            let message = step(.convert)
            try await withStepServices(configuration, topology) { publisher, consumer in
                _ = try await publisher.publish([StepPublication(message)])
                let delivery = try #require(try await consumer.nextBatch(max: 1).first)
                try await consumer.reject(delivery, requeue: false)
            }
            let first = try await taking(configuration, topology) { letter, drain in
                #expect(letter.queue == topology.queue(for: .convert))
                #expect(letter.reason == .rejected)
                #expect(letter.content == .step(message))
                #expect(letter.messageID == message.step.description)
                #expect(abs(letter.firstDeathAt?.timeIntervalSinceNow ?? -1e9) < 60)
                try await drain.giveBack([letter])
            }
            #expect(!first.isRedelivered)
            let second = try await taking(configuration, topology) { letter, drain in
                try await drain.acknowledge([letter])
            }
            #expect(second.isRedelivered)
            try await eventually("the queue is empty") {
                try await QueueDepth.read(configuration, topology: topology).allSatisfy { $0.ready == 0 }
            }
            for policy in topology.policies { try await local.ctl(["clear_policy", policy.name]) }
        }
    }

    private func taking(
        _ configuration: RabbitMQConfiguration, _ topology: BrokerTopology,
        _ body: (DeadLetter, DeadLetterConsumer) async throws -> Void
    ) async throws -> RabbitMQDelivery {
        let drain = DeadLetterConsumer(
            configuration: configuration, topology: topology, logger: Logger(label: "test"))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await drain.run() }
            defer { group.cancelAll() }
            let letter = try #require(try await drain.nextBatch(max: 10).first)
            try await body(letter, drain)
            return letter.delivery
        }
    }
}
