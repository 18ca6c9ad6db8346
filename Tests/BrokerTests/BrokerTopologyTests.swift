import Broker
import FoundationEssentials
import Jobs
import LocalServers
import RabbitMQ
import TestSupport
import Testing

@Suite(.rabbitMQ, .timeLimit(.minutes(5)))
struct BrokerTopologyTests {
    @Test func `creating is idempotent, also by several at once, and missing things are named`() async throws {
        try await withTopology { configuration, topology in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { try await topology.create(configuration) } }
                try await group.waitForAll()
            }
            #expect(try await topology.missing(configuration).isEmpty)
            let queue = topology.queue(for: .convert)
            try await RabbitMQAdministration.with(configuration) { broker in
                try await broker.delete(queue: queue)
                try await broker.delete(exchange: topology.deadExchange)
            }
            let missing = try await topology.missing(configuration)
            #expect(missing == ["exchange \(topology.deadExchange)", "queue \(queue)"])
            try await topology.create(configuration)
            #expect(try await topology.missing(configuration).isEmpty)
        }
    }

    @Test func `a queue of another type is a mismatch that names it`() async throws {
        try await withTopology(creates: false) { configuration, topology in
            let queue = topology.queue(for: .extract)
            try await RabbitMQAdministration.with(configuration) { try await $0.declare(RabbitMQQueue(queue)) }
            await #expect {
                try await topology.create(configuration)
            } throws: { error in
                guard let error = error as? BrokerError else { return false }
                return error.code == .topologyMismatch && error.operation.contains(queue) && !error.isTransient
            }
        }
    }

    @Test func `without a broker it is unavailable, and that may pass`() async throws {
        let configuration = RabbitMQConfiguration(hosts: [.init("127.0.0.1", port: 1)])
        await #expect {
            try await BrokerTopology(prefix: "none").create(configuration)
        } throws: { error in
            (error as? BrokerError)?.code == .unavailable && (error as? BrokerError)?.isTransient == true
        }
    }

    @Test func `the definitions file makes the same topology, and the policies found have no findings`() async throws {
        try await withTopology(creates: false) { configuration, topology in
            let local = try #require(RabbitMQServer.current).local
            let file = local.folder + "/\(topology.prefix).json"
            try topology.definitions(virtualHost: "/").write(toFile: file, atomically: false, encoding: .utf8)
            try await local.ctl(["import_definitions", file])
            #expect(try await topology.missing(configuration).isEmpty)
            try await topology.create(configuration)
            let found = try BrokerPolicy.decode(listing: try await local.ctl(["list_policies", "--formatter", "json"]))
            #expect(topology.findings(found: found).isEmpty)
            try await clearPolicies(topology)
        }
    }

    @Test func `policies set by command take effect, and one that differs or is missing is a finding`() async throws {
        try await withTopology { configuration, topology in
            let local = try #require(RabbitMQServer.current).local
            for policy in topology.policies { try await local.ctl(policy.commandArguments) }
            try await rejectOne(configuration, topology)
            try await eventually("the rejected step is among the dead") {
                try await QueueDepth.read(configuration, topology: topology).contains {
                    $0.kind == nil && $0.ready == 1
                }
            }
            try await clearPolicies(topology)
        }
        let topology = BrokerTopology()
        var found = topology.policies
        #expect(topology.findings(found: found).isEmpty)
        found.removeFirst()
        let missing = topology.findings(found: found)
        #expect(missing.count == 1)
        #expect(
            missing.first?.contains("rabbitmqctl set_policy --apply-to queues --priority 10 rosterline-steps") == true)
        let changed = BrokerPolicy(
            name: "rosterline-steps", pattern: "^x", priority: 10, settings: ["overflow": .text("drop-head")])
        #expect(topology.findings(found: found + [changed]).first?.contains("differs in pattern, dead-letter") == true)
    }

    @Test func `the listing of the management API is read like that of the command line`() throws {
        let listing =
            #"[{"vhost":"/","name":"p","pattern":"^q","apply-to":"queues","priority":3,"#
            + #""definition":{"max-length":5,"overflow":"reject-publish"}}]"#
        let expected = BrokerPolicy(
            name: "p", pattern: "^q", priority: 3,
            settings: ["max-length": .number(5), "overflow": .text("reject-publish")])
        #expect(try BrokerPolicy.decode(listing: listing) == [expected])
        #expect(throws: DecodingError.self) { try BrokerPolicy.decode(listing: "{}") }
    }

    private func rejectOne(_ configuration: RabbitMQConfiguration, _ topology: BrokerTopology) async throws {
        try await withStepServices(configuration, topology) { publisher, consumer in
            let sent = try await publisher.publish([StepPublication(step(.convert))])
            #expect(sent == [.sent])
            let delivery = try #require(try await consumer.nextBatch(max: 1).first)
            try await consumer.reject(delivery, requeue: false)
        }
    }

    private func clearPolicies(_ topology: BrokerTopology) async throws {
        let local = try #require(RabbitMQServer.current).local
        for policy in topology.policies { try await local.ctl(["clear_policy", policy.name]) }
    }
}
