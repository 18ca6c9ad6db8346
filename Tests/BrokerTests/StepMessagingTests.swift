import Broker
import FoundationEssentials
import Jobs
import Logging
import RabbitMQ
import TestSupport
import Testing

@Suite(.rabbitMQ, .timeLimit(.minutes(5)))
struct StepMessagingTests {
    @Test func `doorbells of all kinds arrive through one consumer and one acknowledgement`() async throws {
        try await withTopology { configuration, topology in
            try await withStepServices(configuration, topology) { publisher, consumer in
                let publications = (0..<900).map { number in
                    StepPublication(step(StepKind.allCases[number % 3], ordinal: Int16(number + 1)))
                }
                let outcomes = try await publisher.publish(publications)
                #expect(outcomes.allSatisfy { $0 == .sent })
                var heard: [StepDelivery] = []
                while heard.count < 900 { heard += try await consumer.nextBatch(max: 500) }
                #expect(Set(heard.map(\.message)) == Set(publications.map(\.message)))
                #expect(
                    Set(heard.compactMap(\.delivery.messageID)) == Set(publications.map(\.message.step.description)))
                #expect(heard.allSatisfy { $0.delivery.queue == topology.queue(for: $0.message.kind) })
                try await consumer.acknowledge(heard)
            }
            let depths = try await QueueDepth.read(configuration, topology: topology)
            #expect(depths.map(\.ready) == [0, 0, 0, 0])
            #expect(depths.compactMap(\.kind) == StepKind.allCases)
        }
    }

    @Test func `old and new workers hear only the versions that they read`() async throws {
        try await withTopology(versions: [.extract: [1, 2], .convert: [1]]) { configuration, topology in
            let old = StepConsumer(
                configuration: configuration, topology: topology, reads: [.extract: [1]], prefetch: 10,
                logger: Logger(label: "test"))
            try await withStepServices(configuration, topology, kinds: [.extract]) { publisher, both in
                await both.pause()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await old.run() }
                    defer { group.cancelAll() }
                    let first = StepMessage(job: .random(), ordinal: 1, kind: .extract, version: 1)
                    let second = StepMessage(job: .random(), ordinal: 1, kind: .extract, version: 2)
                    let sent = try await publisher.publish([
                        StepPublication(second), StepPublication(first),
                    ])
                    #expect(sent == [.sent, .sent])
                    let heard = try await old.nextBatch(max: 10)
                    #expect(heard.map(\.message) == [first])
                    try await old.acknowledge(heard)
                    await both.resume()
                    let rest = try await both.nextBatch(max: 10)
                    #expect(rest.map(\.message) == [second])
                    #expect(rest.first?.delivery.queue == topology.queue(for: .extract) + ".v2")
                    #expect(rest.first?.delivery.headers["schema-version"]?.number == 2)
                    try await both.acknowledge(rest)
                }
            }
            let depths = try await QueueDepth.read(configuration, topology: topology)
            #expect(depths.map(\.version) == [1, 2, 1, 1])
        }
    }

    @Test func `a kind without a queue stays unsent and says what to do`() async throws {
        try await withTopology { configuration, topology in
            try await RabbitMQAdministration.with(configuration) {
                try await $0.delete(queue: topology.queue(for: .convert))
            }
            try await withStepServices(configuration, topology, kinds: [.extract]) { publisher, _ in
                let outcomes = try await publisher.publish([
                    StepPublication(step(.extract)), StepPublication(step(.convert)),
                ])
                #expect(outcomes.first == .sent)
                guard case .unsent(let error) = outcomes.last else {
                    Issue.record("sent without a queue")
                    return
                }
                #expect(error.code == .unroutable)
                #expect(error.remedy.contains(topology.queue(for: .convert)))
            }
        }
    }

    @Test func `without the exchange the outcome names the missing topology`() async throws {
        try await withTopology(creates: false) { configuration, topology in
            let publisher = StepPublisher(
                configuration: configuration, topology: topology, logger: Logger(label: "test"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await publisher.run() }
                defer { group.cancelAll() }
                try await eventually("it is connected") { publisher.health.status == .connected }
                let outcomes = try await publisher.publish([StepPublication(step(.extract))])
                guard case .unsent(let error) = outcomes.first else {
                    Issue.record("sent without an exchange")
                    return
                }
                #expect(error.code == .topologyMissing)
            }
        }
    }

    @Test(
        arguments: [
            "no message", #"{"job":"x","kind":"extract","step":1,"v":1}"#,
            #"{"job":"01934f6e-8a00-7cc3-9f5b-0d1c2b3a4958","kind":"extract","step":1,"v":99}"#,
            #"{"job":"01934f6e-8a00-7cc3-9f5b-0d1c2b3a4958","kind":"dance","step":1,"v":1}"#,
            #"{"job":"01934f6e-8a00-7cc3-9f5b-0d1c2b3a4958","kind":"extract","step":1,"v":2}"#,
        ])
    func `what is no step is put aside and does not stop the others`(body: String) async throws {
        try await withTopology { configuration, topology in
            let recorder = LogRecorder()
            try await withStepServices(configuration, topology, logger: recorder.logger) { publisher, consumer in
                let stranger = RabbitMQPublisher(configuration: configuration, logger: Logger(label: "test"))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await stranger.run() }
                    defer { group.cancelAll() }
                    try await eventually("it is connected") { stranger.health.status == .connected }
                    let message = RabbitMQMessage(
                        exchange: topology.stepExchange, routingKey: "extract", body: Array(body.utf8))
                    _ = try await stranger.publish([message])
                }
                let good = step(.extract)
                _ = try await publisher.publish([StepPublication(good)])
                let heard = try await consumer.nextBatch(max: 10)
                #expect(heard.map(\.message) == [good])
                try await consumer.acknowledge(heard)
            }
            #expect(recorder.lines(from: .error) == ["A message was put aside to the dead letters"])
            let ready = try await QueueDepth.read(configuration, topology: topology).map(\.ready)
            #expect(ready.allSatisfy { $0 == 0 })
        }
    }

    @Test func `a doorbell given back is heard again as redelivered`() async throws {
        try await withTopology { configuration, topology in
            try await withStepServices(configuration, topology) { publisher, consumer in
                _ = try await publisher.publish([StepPublication(step(.extract))])
                let first = try #require(try await consumer.nextBatch(max: 1).first)
                #expect(!first.isRedelivered)
                try await consumer.reject(first, requeue: true)
                let second = try #require(try await consumer.nextBatch(max: 1).first)
                #expect(second.isRedelivered)
                #expect(second.message == first.message)
                await consumer.pause()
                #expect(try await consumer.nextBatch(max: 1).isEmpty)
                try await consumer.acknowledge([second])
            }
        }
    }

    @Test(arguments: ["step.v1.extract.json", "step.v1.import-traced.json"])
    func `the example messages are read and written back alike`(name: String) throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appending(path: "schemas/messages/examples/\(name)")
        var bytes = Array(try Data(contentsOf: file))
        bytes.removeAll { $0 == UInt8(ascii: "\n") }
        #expect(MessageCodec.encode(try MessageCodec.decode(bytes)) == bytes)
    }
}
