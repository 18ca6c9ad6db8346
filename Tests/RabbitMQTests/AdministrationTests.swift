import Logging
import RabbitMQ
import TestSupport
import Testing

@Suite(.rabbitMQ, .timeLimit(.minutes(5)))
struct AdministrationTests {
    let prefix = RabbitMQServer.prefix()

    @Test func `declaring twice is fine and declaring otherwise is 406, after which the channel works again`()
        async throws
    {
        let queue = prefix + "q"
        try await RabbitMQAdministration.with(try testConfiguration()) { broker in
            #expect(try await broker.declare(.quorum(queue)) == RabbitMQQueueDepth(messages: 0, consumers: 0))
            try await broker.declare(.quorum(queue))
            let error = await failure { try await broker.declare(RabbitMQQueue(queue)) }
            #expect(error?.code == .preconditionFailed)
            #expect(error?.replyCode == 406)
            #expect(error?.operation == "declare queue \(queue)")
            #expect(error?.detail.contains("inequivalent arg") == true)
            #expect(try await broker.inspect(queue: queue).messages == 0)
            #expect(try await broker.delete(queue: queue) == 0)
        }
    }

    @Test func `what does not exist is 404`() async throws {
        try await RabbitMQAdministration.with(try testConfiguration()) { broker in
            for _ in 0..<2 {
                #expect(await failure { try await broker.inspect(queue: prefix + "none") }?.code == .notFound)
                #expect(await failure { try await broker.inspect(exchange: prefix + "none") }?.code == .notFound)
            }
            let binding = RabbitMQBinding(queue: prefix + "none", exchange: "amq.direct", routingKey: "k")
            #expect(await failure { try await broker.bind(binding) }?.isTransient == false)
        }
    }

    @Test func `a name reserved for the broker is 403`() async throws {
        try await RabbitMQAdministration.with(try testConfiguration()) { broker in
            let error = await failure { try await broker.declare(RabbitMQExchange("amq.mine")) }
            #expect(error?.code == .accessRefused)
        }
    }

    @Test func `a queue that another connection holds is 405`() async throws {
        let configuration = try testConfiguration()
        let queue = prefix + "mine"
        try await RabbitMQAdministration.with(configuration) { owner in
            try await owner.declare(RabbitMQQueue(queue, isDurable: false, isExclusive: true))
            try await RabbitMQAdministration.with(configuration) { other in
                let error = await failure { try await other.inspect(queue: queue) }
                #expect(error?.code == .resourceLocked)
                #expect(error?.isTransient == true)
            }
        }
    }

    @Test func `bindings route, unbinding stops it, purging counts`() async throws {
        let configuration = try testConfiguration()
        let (exchange, queue) = (prefix + "x", prefix + "q")
        try await RabbitMQAdministration.with(configuration) { broker in
            try await broker.declare(RabbitMQExchange(exchange))
            try await broker.declare(.quorum(queue))
            let binding = RabbitMQBinding(queue: queue, exchange: exchange, routingKey: "k")
            try await broker.bind(binding)
            try await withPublisher(configuration) { publisher in
                let message = RabbitMQMessage(exchange: exchange, routingKey: "k", body: [1])
                let bound = try await publisher.publish([message, message])
                #expect(bound == [.confirmed, .confirmed])
                #expect(try await broker.purge(queue: queue) == 2)
                try await broker.unbind(binding)
                let unbound = try await publisher.publish([message])
                #expect(unbound == [.returned(code: 312, text: "NO_ROUTE")])
            }
            try await broker.delete(queue: queue)
            try await broker.delete(exchange: exchange)
        }
    }

    @Test func `a wrong password is told apart, and the password is never shown`() async throws {
        var configuration = try testConfiguration()
        configuration.password = "hunter2"
        let wrong = configuration
        let error = await failure { _ = try await RabbitMQAdministration.connect(wrong) }
        #expect(error?.code == .authenticationFailed)
        #expect(error?.isTransient == false)
        #expect(!"\(wrong) \(String(reflecting: wrong)) \(String(reflecting: error))".contains("hunter2"))
    }

    @Test func `a missing virtual host is refused with its name`() async throws {
        var configuration = try testConfiguration()
        configuration.virtualHost = "nowhere"
        let wrong = configuration
        let error = await failure { _ = try await RabbitMQAdministration.connect(wrong) }
        #expect(error?.code == .accessRefused)
        #expect(error?.remedy.contains("nowhere") == true)
    }

    @Test func `nobody listening is a failed connection that may pass`() async throws {
        var configuration = try testConfiguration()
        configuration.hosts = [.init("127.0.0.1", port: 1)]
        let wrong = configuration
        let error = await failure { _ = try await RabbitMQAdministration.connect(wrong) }
        #expect(error?.code == .connectionFailed)
        #expect(error?.isTransient == true)
    }

    @Test func `the broker tells its version, and nothing works after closing`() async throws {
        let broker = try await RabbitMQAdministration.connect(try testConfiguration())
        #expect(try #require(await broker.serverVersion).split(separator: ".").count == 3)
        await broker.close()
        #expect(await failure { try await broker.inspect(queue: "q") }?.code == .closed)
    }

    @Test func `without a connection publishing waits and says so, and after the end everything is closed`()
        async throws
    {
        let configuration = try testConfiguration()
        var deaf = configuration
        deaf.hosts = [.init("127.0.0.1", port: 1)]
        let limits = RabbitMQPublisherLimits(connectionTimeout: .milliseconds(300))
        // Before `run` has begun it is the same as before a connection is there.
        let idle = RabbitMQPublisher(configuration: deaf, limits: limits, logger: Logger(label: "test"))
        #expect(await failure { _ = try await idle.publish(messages(1, to: "q")) }?.code == .notConnected)
        try await withPublisher(deaf, limits: limits) { publisher in
            try await eventually("it tries") { publisher.health.status == .connecting }
            let error = await failure { _ = try await publisher.publish(messages(1, to: "q")) }
            #expect(error?.code == .notConnected)
            #expect(error?.isTransient == true)
        }
        let publisher = try await withPublisher(configuration) { $0 }
        #expect(await failure { _ = try await publisher.publish(messages(1, to: "q")) }?.code == .closed)
        let consumer = try await withConsumer(configuration, queues: ["q"]) { $0 }
        #expect(await failure { try await consumer.acknowledge([]) }?.code == .closed)
        #expect(try await consumer.nextBatch(max: 1).isEmpty)
    }

    @Test func `a message that AMQP cannot carry is refused before anything is sent`() async throws {
        let long = String(repeating: "x", count: 256)
        let refused = [
            RabbitMQMessage(exchange: "", routingKey: long, body: []),
            RabbitMQMessage(exchange: "", routingKey: "k", body: [], messageID: long),
            RabbitMQMessage(exchange: "", routingKey: "k", body: [], headers: [long: 1]),
            RabbitMQMessage(
                exchange: "", routingKey: "k", body: [], headers: ["h": .bytes(Array(repeating: 0, count: 70_000))]),
        ]
        try await withPublisher(try testConfiguration()) { publisher in
            for message in refused {
                let error = await failure { _ = try await publisher.publish(messages(1, to: "q") + [message]) }
                #expect(error?.code == .invalidMessage)
            }
        }
    }

    private func failure(_ body: () async throws -> Void) async -> RabbitMQError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? RabbitMQError
        }
    }
}
