import LocalServers
import Logging
import NIOConcurrencyHelpers
import RabbitMQ
import TestSupport
import Testing

/// Three nodes on this machine, and a client that knows all three.
@Suite(.timeLimit(.minutes(5)))
struct ClusterTests {
    @Test func `kill -9 of the leader's node in the middle loses nothing that was confirmed`() async throws {
        let cluster = try await LocalRabbitMQCluster.start()
        let queue = RabbitMQServer.prefix() + "cluster"
        try await RabbitMQAdministration.with(configuration(cluster.nodes)) { try await $0.declare(.quorum(queue)) }
        let leader = try #require(try await cluster.leader(of: queue))
        // Publisher and consumer begin on the node that will die.
        let hosts = [leader] + cluster.nodes.filter { $0.port != leader.port }
        let configuration = configuration(hosts)
        let tally = NIOLockedValueBox(Tally())
        let recorder = LogRecorder()
        let limits = RabbitMQPublisherLimits(confirmTimeout: .seconds(10))
        try await withPublisher(configuration, limits: limits, logger: recorder.logger) { publisher in
            try await withConsumer(configuration, queues: [queue], prefetch: 500) { consumer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await hear(consumer, tally) }
                    defer { group.cancelAll() }
                    try await publish(0..<2000, to: queue, publisher, tally)
                    async let killed: Void = leader.kill()
                    try await publish(2000..<5000, to: queue, publisher, tally)
                    try await killed
                    try? await eventually(within: .seconds(180), "everything is heard") {
                        tally.withLockedValue(\.heard.count) == 5000
                    }
                }
                #expect(consumer.health.host != "\(leader.host):\(leader.port)")
            }
            #expect(publisher.health.epoch > 1)
        }
        let result = tally.withLockedValue(\.self)
        #expect(result.confirmed == Set(0..<5000))
        #expect(result.confirmed.subtracting(result.heard.keys).sorted() == [])
        // Heard twice is only what the broker says it has delivered before, or what was published twice since its
        // confirm was lost with the node.
        let doubled = Set(result.heard.filter { $0.value > 1 }.keys)
        #expect(doubled.isSubset(of: result.redelivered.union(result.republished)))
        let next = try await cluster.leader(of: queue)
        #expect(next != nil && next?.port != leader.port)
        // Again and again for as long as a new channel is opened before the queue has its new leader.
        let lost = recorder.lines(from: .info).count { $0 == "Broker connection lost; reconnecting" }
        #expect((1...30).contains(lost), "it waits between two tries")
        // The dead node comes back into its cluster.
        try await leader.restart()
        try await leader.ctl(["await_online_nodes", "3"])
        try await cluster.stop()
    }

    private struct Tally {
        var confirmed: Set<Int> = []
        var republished: Set<Int> = []
        var heard: [Int: Int] = [:]
        var redelivered: Set<Int> = []
    }

    private func configuration(_ nodes: [LocalRabbitMQ]) -> RabbitMQConfiguration {
        var configuration = RabbitMQConfiguration(
            hosts: nodes.map { .init($0.host, port: $0.port) }, user: nodes[0].user, password: nodes[0].password,
            connectTimeout: .seconds(5), connectionName: "cluster")
        configuration.backoff.cap = .seconds(1)
        return configuration
    }

    /// As the outbox does: what is not confirmed is published again, under the same id.
    private func publish(
        _ numbers: Range<Int>, to queue: String, _ publisher: RabbitMQPublisher, _ tally: NIOLockedValueBox<Tally>
    ) async throws {
        var open = Array(numbers)
        while !open.isEmpty {
            let batch = Array(open.prefix(250))
            let messages = batch.map {
                RabbitMQMessage(exchange: "", routingKey: queue, body: [1, 2, 3], messageID: "\($0)")
            }
            do {
                let outcomes = try await publisher.publish(messages)
                // A dispatcher waits before it tries what was refused; without that, this loop would not end sooner.
                if outcomes.contains(.rejected) { try await Task.sleep(for: .milliseconds(200)) }
                let confirmed = zip(batch, outcomes).filter { $1 == .confirmed }.map(\.0)
                open.removeAll(where: Set(confirmed).contains)
                tally.withLockedValue { tally in
                    tally.confirmed.formUnion(confirmed)
                    tally.republished.formUnion(Set(batch).subtracting(confirmed))
                }
            } catch let error as RabbitMQError where error.isTransient {
                // Nothing was sent; the next publish waits for the connection.
                continue
            }
        }
    }

    private func hear(
        _ consumer: RabbitMQConsumer, _ tally: NIOLockedValueBox<Tally>
    ) async throws {
        while !Task.isCancelled {
            let batch = try await consumer.nextBatch(max: 200)
            if batch.isEmpty { return }
            tally.withLockedValue { tally in
                for delivery in batch {
                    guard let number = delivery.messageID.flatMap({ Int($0) }) else { continue }
                    tally.heard[number, default: 0] += 1
                    if delivery.isRedelivered { tally.redelivered.insert(number) }
                }
            }
            try await consumer.acknowledge(batch)
        }
    }
}
