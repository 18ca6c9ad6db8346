import Glibc
import LocalServers
import Logging
import RabbitMQ
import TestSupport
import Testing

/// What breaks, and how the clients come through it. These harm the whole node, so it is their own, and they take
/// turns.
@Suite(.serialized, .ownRabbitMQ, .timeLimit(.minutes(5)))
struct OutageTests {
    let prefix = RabbitMQServer.prefix()

    private func local() throws -> LocalRabbitMQ {
        try #require(RabbitMQServer.current).local
    }

    @Test func `the first host is dead and the second serves`() async throws {
        var configuration = try testConfiguration()
        configuration.hosts.insert(.init("127.0.0.1", port: try LocalServerPort.free()), at: 0)
        let queue = prefix + "hosts"
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { publisher in
                let outcomes = try await publisher.publish(messages(3, to: queue))
                #expect(outcomes == [.confirmed, .confirmed, .confirmed])
                #expect(publisher.health.host == configuration.hosts[1].description)
            }
        }
    }

    @Test func `TLS with a verified host name carries messages both ways`() async throws {
        let configuration = try tlsConfiguration()
        let queue = prefix + "tls"
        let body = String(repeating: "0123456789", count: 40_000)
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration) { publisher in
                let outcomes = try await publisher.publish(messages(20, to: queue, body: body))
                #expect(outcomes.allSatisfy { $0 == .confirmed })
            }
            try await withConsumer(configuration, queues: [queue]) { consumer in
                let deliveries = try await consumer.take(20)
                #expect(deliveries.allSatisfy { $0.body.count > body.utf8.count })
                try await consumer.acknowledge(deliveries)
            }
        }
    }

    @Test func `TLS refuses a host name that the certificate does not carry, and an unknown authority`() async throws {
        var wrongName = try tlsConfiguration()
        wrongName.hosts = [.init("127.0.0.1", port: wrongName.hosts[0].port)]
        await #expect { _ = try await RabbitMQAdministration.connect(wrongName) } throws: {
            ($0 as? RabbitMQError)?.code == .tlsFailed
        }
        var wrongAuthority = try tlsConfiguration()
        wrongAuthority.tls = .enabled()
        await #expect { _ = try await RabbitMQAdministration.connect(wrongAuthority) } throws: {
            ($0 as? RabbitMQError)?.code == .tlsFailed
        }
        var missingFile = try tlsConfiguration()
        missingFile.tls = .enabled(caFile: "/does/not/exist.pem")
        await #expect { _ = try await RabbitMQAdministration.connect(missingFile) } throws: {
            ($0 as? RabbitMQError)?.code == .invalidConfiguration
        }
    }

    @Test func `an alarm blocks publishing, is told, and ends`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "alarm"
        let recorder = LogRecorder()
        try await withQueues(configuration, [queue]) {
            let limits = RabbitMQPublisherLimits(blockedTimeout: .seconds(2))
            try await withPublisher(configuration, limits: limits, logger: recorder.logger) { publisher in
                _ = try await publisher.publish(messages(1, to: queue))
                try await local().setMemoryAlarm(on: true)
                let outcomes = try await publisher.publish(messages(3, to: queue))
                #expect(publisher.health.status == .blocked)
                #expect(outcomes == Array(repeating: .unknown(.init(.blocked, operation: "publish")), count: 3))
                await #expect { _ = try await publisher.publish(messages(1, to: queue)) } throws: {
                    ($0 as? RabbitMQError)?.code == .blocked
                }
                // A consumer is not stopped by an alarm.
                try await withConsumer(configuration, queues: [queue]) { consumer in
                    try await consumer.acknowledge(try await consumer.take(1))
                }
                try await local().setMemoryAlarm(on: false)
                try await eventually("the alarm is over") { publisher.health.status == .connected }
                let after = try await publisher.publish(messages(1, to: queue))
                #expect(after == [.confirmed])
                #expect(publisher.health.epoch == 1)
            }
        }
        #expect(
            recorder.lines(from: .info) == [
                "The broker blocks publishing; free its memory or disk", "The broker takes messages again",
            ])
    }

    @Test func `a write that hangs under an alarm is cut by the watchdog`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "hang"
        try await withQueues(configuration, [queue]) {
            try await local().setMemoryAlarm(on: true)
            let limits = RabbitMQPublisherLimits(blockedTimeout: .seconds(1))
            try await withPublisher(configuration, limits: limits) { publisher in
                // Far more than the sockets' buffers take, in one message: the library writes and never looks up.
                let body = [UInt8](repeating: 7, count: 60 << 20)
                let message = RabbitMQMessage(exchange: "", routingKey: queue, body: body)
                let begun = ContinuousClock.now
                let outcomes = try await publisher.publish([message])
                guard case .unknown(let error) = outcomes.first else {
                    Issue.record("not unknown")
                    return
                }
                #expect(error.code == .hung)
                #expect(ContinuousClock.now - begun < .seconds(60), "the write never ends by itself")
                try await local().setMemoryAlarm(on: false)
                let after = try await publisher.publish(messages(1, to: queue))
                #expect(after == [.confirmed])
            }
        }
    }

    @Test func `connections closed by the operator come back, and late acknowledgements are dropped`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "closed"
        let recorder = LogRecorder()
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration, logger: recorder.logger) { publisher in
                try await withConsumer(configuration, queues: [queue]) { consumer in
                    _ = try await publisher.publish(messages(3, to: queue))
                    let early = try await consumer.take(2)
                    #expect(early.map(\.epoch) == [1, 1])
                    try await local().ctl(["close_all_connections", "test"])
                    try await eventually("both are back") {
                        publisher.health.epoch == 2 && publisher.health.status == .connected
                            && consumer.health.epoch == 2 && consumer.health.status == .connected
                    }
                    // In the new epoch these tags mean other deliveries, or none: must not reach the broker.
                    try await consumer.acknowledge(early)
                    let again = try await consumer.take(3)
                    #expect(Set(again.compactMap(\.messageID)) == ["0", "1", "2"])
                    #expect(again.allSatisfy { $0.epoch == 2 })
                    try await consumer.acknowledge(early + again)
                    let outcomes = try await publisher.publish(messages(1, to: queue))
                    #expect(outcomes == [.confirmed])
                    #expect(consumer.health.epoch == 2)
                }
            }
        }
        #expect(
            recorder.lines(from: .info) == ["Broker connection lost; reconnecting", "Broker connection is back"])
    }

    @Test func `a deleted queue is told, and consumed again once it is back`() async throws {
        let configuration = try testConfiguration()
        let (queue, other) = (prefix + "deleted", prefix + "other")
        let recorder = LogRecorder()
        try await withQueues(configuration, [queue, other]) {
            try await withConsumer(configuration, queues: [queue, other], logger: recorder.logger) { consumer in
                try await eventually("it consumes") { consumer.health.status == .connected }
                try await RabbitMQAdministration.with(configuration) { try await $0.delete(queue: queue) }
                try await eventually("the cancel is noticed") { consumer.health.missingQueues == [queue] }
                try await withPublisher(configuration) { publisher in
                    // The other queue goes on meanwhile, over the same connection.
                    _ = try await publisher.publish(messages(1, to: other))
                    try await consumer.acknowledge(try await consumer.take(1))
                    try await RabbitMQAdministration.with(configuration) { try await $0.declare(.quorum(queue)) }
                    _ = try await publisher.publish(messages(1, to: queue))
                    let delivery = try await consumer.take(1)
                    #expect(delivery.map(\.queue) == [queue])
                    try await consumer.acknowledge(delivery)
                }
                #expect(consumer.health.missingQueues.isEmpty)
                #expect(consumer.health.epoch == 1)
            }
        }
        #expect(recorder.lines(from: .info) == ["A queue is missing; create the topology again", "The queue is back"])
    }

    @Test func `a frozen broker is given up after two heartbeats`() async throws {
        var configuration = try testConfiguration()
        configuration.heartbeat = .seconds(1)
        let process = try #require(await local().nodeProcessIdentifier)
        try await withPublisher(configuration) { publisher in
            try await eventually("it is connected") { publisher.health.status == .connected }
            #expect(kill(process, SIGSTOP) == 0)
            defer { _ = kill(process, SIGCONT) }
            try await eventually("silence is noticed") { publisher.health.status == .connecting }
        }
    }

    @Test func `kill -9 of the node loses nothing that was confirmed`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "killed"
        let recorder = LogRecorder()
        try await withQueues(configuration, [queue]) {
            try await withPublisher(configuration, logger: recorder.logger) { publisher in
                var confirmed = try await publisher.publish(messages(200, to: queue)).count { $0 == .confirmed }
                // RabbitMQ 3.10 writes the directory of its quorum queues down every half second only: one that was
                // declared just before a power cut comes back without its data and without a leader. Nothing tells
                // when it is done.
                try await Task.sleep(for: .seconds(5))
                try await local().kill()
                try await eventually("the loss is noticed") { publisher.health.status == .connecting }
                await #expect(throws: RabbitMQError.self) {
                    var hasty = configuration
                    hasty.connectTimeout = .seconds(1)
                    _ = try await RabbitMQAdministration.connect(hasty)
                }
                try await local().restart()
                try await eventually("it is back") { publisher.health.status == .connected }
                confirmed += try await publisher.publish(messages(100, to: queue)).count { $0 == .confirmed }
                #expect(confirmed == 300)
                try await withConsumer(configuration, queues: [queue], prefetch: 500) { consumer in
                    let deliveries = try await consumer.take(300)
                    try await consumer.acknowledge(deliveries)
                }
            }
        }
        #expect(recorder.lines(from: .info) == ["Broker connection lost; reconnecting", "Broker connection is back"])
    }

    private func tlsConfiguration() throws -> RabbitMQConfiguration {
        var configuration = try testConfiguration()
        let local = try local()
        configuration.hosts = [.init("localhost", port: try #require(local.tlsPort))]
        configuration.tls = .enabled(caFile: try #require(local.certificates).authorityFile)
        return configuration
    }
}
