import Broker
import Jobs
import LocalServers
import RabbitMQ
import TestSupport
import Testing

@testable import Chaos

/// A look at the broker over a wire that can be hurt.
@Suite(.rabbitMQ, .timeLimit(.minutes(5)))
struct BrokerLookTests {
    @Test func `what is missing is told, though its repair breaks off`() async throws {
        let server = try #require(RabbitMQServer.current)
        let direct = RabbitMQConfiguration(
            hosts: [.init(server.host, port: server.port)], user: server.user, password: server.password)
        let topology = BrokerTopology(prefix: RabbitMQServer.prefix() + "look")
        try await topology.create(direct)
        let queue = topology.queue(for: .extract)
        try await RabbitMQAdministration.with(direct) { _ = try await $0.delete(queue: queue) }
        let wire = try await NetworkProxy.start(to: server.host, port: server.port)
        wire.set { $0.latency = .milliseconds(250) }
        var slow = direct
        slow.hosts = [.init("127.0.0.1", port: wire.port)]
        slow.connectTimeout = .seconds(10)
        let look = BrokerLook(slow, topology: topology, use: BrokerUse(), repairs: true)
        async let told = tells(look, of: .queueMissing(name: queue)) { try await topology.missing(direct).isEmpty }
        // Its answer is still on the way, and stays there.
        try await eventually("the queue is made again") { try await topology.missing(direct).isEmpty }
        wire.set { $0.blackHoles = [.toClient] }
        #expect(try await told)
        wire.set { $0.blackHoles = [] }
        await wire.stop()
        try await topology.delete(direct)
    }

    /// Looks until the trouble is repaired, since a look may break off before that; whether one of them told of it.
    private func tells(
        _ look: BrokerLook, of trouble: BrokerTrouble, isRepaired: () async throws -> Bool
    ) async throws -> Bool {
        // Also true where it was put right after all, because the test was too slow for the wire.
        var isTold = false
        repeat {
            let sight = await look.take().sight
            isTold = isTold || (sight.troubles + sight.repaired).contains(trouble)
        } while try await !isRepaired()
        return isTold
    }
}
