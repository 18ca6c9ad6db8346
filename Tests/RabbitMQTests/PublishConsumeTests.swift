import Logging
import RabbitMQ
import TestSupport
import Testing

@Suite(.rabbitMQ, .timeLimit(.minutes(5)))
struct PublishConsumeTests {
    let prefix = RabbitMQServer.prefix()

    @Test func `every property of a message arrives as it was sent`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "properties"
        var message = RabbitMQMessage(
            exchange: "", routingKey: queue, body: Array("Zoë, \"Ö'Brien\"".utf8), messageID: "id-1",
            contentType: "application/json",
            headers: [
                "text": "naïve", "number": -7, "flag": true, "real": .double(1.5), "none": .void,
                "raw": .bytes([0, 255]),
                "list": .array(["a", 2]), "inner": .table(["deep": .table(["deeper": "still"])]),
                "when": .timestamp(1_700_000_000),
            ], priority: 3, type: "step", correlationID: "c")
        message.properties.replyTo = "there"
        message.properties.expiration = "600000"
        message.properties.applicationID = "rosterline"
        message.properties.timestamp = 1_800_000_000
        let sent = message
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { publisher in
                let outcomes = try await publisher.publish([sent])
                #expect(outcomes == [.confirmed])
            }
            try await withConsumer(configuration, queues: [queue]) { consumer in
                let delivery = try #require(try await consumer.nextBatch(max: 1).first)
                #expect(delivery.body == sent.body)
                var received = delivery.properties
                // A quorum queue counts deliveries here.
                received.headers["x-delivery-count"] = nil
                #expect(received == sent.properties)
                #expect(delivery.queue == queue)
                #expect(delivery.routingKey == queue)
                #expect(delivery.exchange.isEmpty)
                #expect(!delivery.isRedelivered)
                try await consumer.acknowledge([delivery])
            }
        }
    }

    @Test(arguments: [0, 1, 131_063, 131_064, 131_065, 1_000_003])
    func `a body of any size arrives whole`(bytes: Int) async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "size"
        let body = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { publisher in
                let message = RabbitMQMessage(exchange: "", routingKey: queue, body: body)
                let outcomes = try await publisher.publish([message, message])
                #expect(outcomes == [.confirmed, .confirmed])
            }
            try await withConsumer(configuration, queues: [queue]) { consumer in
                let deliveries = try await consumer.take(2)
                #expect(deliveries.map { $0.body == body } == [true, true])
                try await consumer.acknowledge(deliveries)
            }
        }
    }

    @Test(arguments: [1, 7, 1024])
    func `a batch far above the window is confirmed whole`(window: Int) async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "window"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration, limits: .init(window: window)) { publisher in
                let outcomes = try await publisher.publish(messages(window * 3, to: queue))
                #expect(outcomes == Array(repeating: .confirmed, count: window * 3))
            }
            let depth = try await RabbitMQAdministration.with(configuration) { try await $0.messageCount(queue: queue) }
            #expect(depth == window * 3)
        }
    }

    @Test func `many publishers at once each get their own outcomes`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "many"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration, limits: .init(window: 50)) { publisher in
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<20 {
                        // Every other one has no queue to go to.
                        let target = number.isMultiple(of: 2) ? queue : "nowhere-\(number)"
                        group.addTask {
                            let outcomes = try await publisher.publish(messages(60, to: target))
                            return outcomes.allSatisfy { outcome in
                                if case .returned(312, _) = outcome { return target != queue }
                                return outcome == .confirmed && target == queue
                            } && outcomes.count == 60
                        }
                    }
                    for try await isRight in group { #expect(isRight) }
                }
            }
        }
    }

    @Test func `only the message that no queue takes comes back`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "mandatory"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { publisher in
                var batch = messages(5, to: queue)
                batch[1].routingKey = "nowhere"
                batch[3].routingKey = "nowhere"
                batch[3].properties.messageID = batch[1].properties.messageID
                let outcomes = try await publisher.publish(batch)
                let back = PublishOutcome.returned(code: 312, text: "NO_ROUTE")
                #expect(outcomes == [.confirmed, back, .confirmed, back, .confirmed])
            }
        }
    }

    @Test func `a full queue that rejects makes the outcome rejected`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "full"
        try await RabbitMQAdministration.with(configuration) { broker in
            let arguments: [String: RabbitMQValue] = ["x-max-length": 2, "x-overflow": "reject-publish"]
            try await broker.declare(RabbitMQQueue(queue, arguments: arguments))
            try await withPublisher(configuration) { publisher in
                let outcomes = try await publisher.publish(messages(4, to: queue))
                #expect(outcomes == [.confirmed, .confirmed, .rejected, .rejected])
            }
            try await broker.delete(queue: queue)
        }
    }

    @Test func `a missing exchange makes the outcome unknown and names the reason`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "after"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { publisher in
                let lost = try await publisher.publish([
                    RabbitMQMessage(exchange: prefix + "none", routingKey: "", body: [])
                ])
                guard case .unknown(let error) = lost.first else {
                    Issue.record("not unknown: \(lost)")
                    return
                }
                #expect(error.code == .notFound)
                #expect(error.replyCode == 404)
                #expect(!error.isTransient)
                // And the publisher is back by itself.
                #expect(try await publisher.publish(messages(1, to: queue)) == [.confirmed])
            }
        }
    }

    @Test func `the broker never sends more than the prefetch`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "prefetch"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { _ = try await $0.publish(messages(50, to: queue)) }
            try await withConsumer(configuration, queues: [queue], prefetch: 10) { consumer in
                let first = try await consumer.take(10)
                let depth = try await RabbitMQAdministration.with(configuration) {
                    try await $0.messageCount(queue: queue)
                }
                #expect(depth == 40)
                let eleventh = Task { try await consumer.nextBatch(max: 1) }
                try await consumer.acknowledge([first[4]])
                let next = try await eleventh.value
                #expect(next.map(\.messageID) == ["10"])
                try await consumer.acknowledge(first + next)
                var count = 11
                while count < 50 {
                    let more = try await consumer.nextBatch(max: 100)
                    #expect(more.count <= 10)
                    try await consumer.acknowledge(more)
                    count += more.count
                }
            }
        }
    }

    @Test func `what is acknowledged out of order is gone and the rest comes again`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "order"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { _ = try await $0.publish(messages(10, to: queue)) }
            try await withConsumer(configuration, queues: [queue]) { consumer in
                let all = try await consumer.take(10)
                try await consumer.acknowledge([all[7], all[2], all[0], all[1]])
                // Twice is no error.
                try await consumer.acknowledge([all[7], all[9]])
                try await consumer.reject(all[3], requeue: true)
                let again = try await consumer.take(1)
                #expect(again.map(\.messageID) == ["3"])
                #expect(again.first?.isRedelivered == true)
            }
            try await withConsumer(configuration, queues: [queue]) { consumer in
                let rest = try await consumer.take(5)
                #expect(Set(rest.compactMap(\.messageID)) == ["3", "4", "5", "6", "8"])
                #expect(rest.allSatisfy { $0.epoch == 1 })
                try await consumer.acknowledge(rest)
            }
        }
    }

    @Test func `a rejected delivery goes to the dead letters`() async throws {
        let configuration = try testConfiguration()
        let (queue, dead) = (prefix + "alive", prefix + "dead")
        try await RabbitMQAdministration.with(configuration) { broker in
            try await broker.declare(RabbitMQQueue(dead))
            let arguments: [String: RabbitMQValue] = [
                "x-dead-letter-exchange": "", "x-dead-letter-routing-key": .string(dead),
            ]
            try await broker.declare(RabbitMQQueue(queue, arguments: arguments))
            try await withPublisher(configuration) { _ = try await $0.publish(messages(1, to: queue)) }
            try await withConsumer(configuration, queues: [queue, dead]) { consumer in
                let delivery = try #require(try await consumer.nextBatch(max: 1).first)
                try await consumer.reject(delivery, requeue: false)
                let buried = try #require(try await consumer.nextBatch(max: 1).first)
                #expect(buried.queue == dead)
                #expect(buried.headers["x-first-death-reason"]?.text == "rejected")
                guard case .array(let deaths) = buried.headers["x-death"], case .table(let death) = deaths.first else {
                    Issue.record("no x-death: \(buried.headers)")
                    return
                }
                #expect(death["count"]?.number == 1)
                try await consumer.acknowledge([buried])
            }
            try await broker.delete(queue: queue)
            try await broker.delete(queue: dead)
        }
    }

    @Test func `a pause gives back what nobody took, keeps settling, and can end`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "pause"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { _ = try await $0.publish(messages(10, to: queue)) }
            try await withConsumer(configuration, queues: [queue]) { consumer in
                let held = try await consumer.take(4)
                await consumer.pause()
                #expect(try await consumer.nextBatch(max: 10).isEmpty)
                let depth = {
                    try await RabbitMQAdministration.with(configuration) { try await $0.inspect(queue: queue) }
                }
                try await eventually("what was not taken goes back") { try await depth().messages == 6 }
                try await consumer.acknowledge(held)
                // A quorum queue counts a consumer as long as it holds something.
                try await eventually("the consumer is gone") { try await depth().consumers == 0 }
                #expect(try await depth().messages == 6)
                await consumer.resume()
                let rest = try await consumer.take(6)
                #expect(rest.count == 6)
                try await consumer.acknowledge(rest)
            }
        }
    }

    @Test func `deliveries can be taken one by one as a sequence`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "sequence"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { _ = try await $0.publish(messages(5, to: queue)) }
            try await withConsumer(configuration, queues: [queue], prefetch: 2) { consumer in
                var ids: [String?] = []
                for try await delivery in consumer.deliveries {
                    ids.append(delivery.messageID)
                    try await consumer.acknowledge([delivery])
                    if ids.count == 5 { break }
                }
                #expect(ids == ["0", "1", "2", "3", "4"])
            }
        }
    }
}
