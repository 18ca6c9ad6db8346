import Broker
import Curl
import LocalServers
import Logging
import RabbitMQ
import TestSupport
import Testing

@testable import rosterline

@Suite(.timeLimit(.minutes(5)))
struct BrokerManagementTests {
    @Test func `the doctor sees the settings that apply to a queue, and what they would lose`() async throws {
        let node = try await LocalRabbitMQ.start(management: true)
        let configuration = RabbitMQConfiguration(
            hosts: [.init(node.host, port: node.port)], user: node.user, password: node.password)
        let topology = BrokerTopology()
        try await topology.create(configuration)
        let port = try #require(node.managementPort)
        let url = "http://\(node.user):\(node.password)@\(node.host):\(port)/"
        let examine = { @Sendable (url: String) async throws -> [BrokerExamination.Finding] in
            let management = try BrokerManagement(
                url: url, virtualHost: "/", http: CurlClient(logger: Logger(label: "test")))
            let names = topology.queues.map(\.name) + ["rosterline.nobody"]
            return await BrokerExamination.examine(configuration, topology: topology) {
                try await management.queues(named: names)
            }
        }
        let bare = try await examine(url).filter { !$0.isWell }
        #expect(Set(bare.map(\.subject)) == Set(topology.queues.map { "queue \($0.name)" }))
        #expect(bare.contains { $0.words.contains("vanishes") })
        for policy in topology.policies { try await node.ctl(policy.commandArguments) }
        // The API shows what the queues tell it every 5 s.
        try await eventually("our policies are enough") {
            try await examine(url).contains { $0.words == "no setting of a queue can lose a message" }
        }
        #expect(try await examine(url).allSatisfy { $0.isWell })
        // A policy of a higher priority that somebody else has set for everything.
        try await node.ctl(["set_policy", "--priority", "99", "all", ".*", #"{"message-ttl":1000}"#])
        try await eventually("it is refused, and named") {
            try await examine(url).contains { finding in
                !finding.isWell && finding.words.contains("after 1000 ms")
                    && finding.remedy.contains("Policy 'all' applies now")
            }
        }
        let refused = try await examine(url.replacing(node.password, with: "wrong"))
        #expect(refused.last?.words.contains("does not accept user and password") == true)
        try await node.stop()
    }

    @Test func `a policy that would lose messages is told while the processes run, and when it is over`() async throws {
        let node = try await LocalRabbitMQ.start(management: true)
        let configuration = RabbitMQConfiguration(
            hosts: [.init(node.host, port: node.port)], user: node.user, password: node.password)
        let topology = BrokerTopology()
        try await topology.create(configuration)
        for policy in topology.policies { try await node.ctl(policy.commandArguments) }
        let management = try BrokerManagement(
            url: "http://\(node.user):\(node.password)@\(node.host):\(try #require(node.managementPort))/",
            virtualHost: "/", http: CurlClient(logger: Logger(label: "test")))
        let settings = { @Sendable (capabilities: BrokerCapabilities) async throws in
            topology.troubles(try await management.queues(named: topology.queues.map(\.name)), by: capabilities)
        }
        try await eventually("our policies are enough") { try await settings(.oldest).isEmpty }
        let recorder = LogRecorder()
        func tells(_ message: String) -> Bool {
            recorder.lines.contains { line in
                line.message == message && "\(line.metadata[BrokerKeys.Log.trouble] ?? "")".contains("after 1000 ms")
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            let watch = BrokerWatch(
                configuration: configuration, topology: topology,
                use: BrokerUse(publishes: true, queues: topology.queues.map(\.name)), settings: settings,
                logger: recorder.logger)
            group.addTask { try await watch.run() }
            defer { group.cancelAll() }
            try await node.ctl(["set_policy", "--priority", "99", "all", ".*", #"{"message-ttl":1000}"#])
            // A queue's own picture of itself would be up to ten seconds old.
            let found = try await settings(.oldest).filter { $0.words.contains("after 1000 ms") }
            #expect(found.count == topology.queues.count)
            try await eventually("it is told") { tells("Something is wrong at the broker") }
            try await node.ctl(["clear_policy", "all"])
            #expect(try await settings(.oldest).isEmpty)
            try await eventually("it is told that it is over") { tells("That is well again at the broker") }
        }
        try await node.stop()
    }

    @Test(arguments: ["", "host:15672", "https://host:15671", "amqp://a:b@host", "https://user@host"])
    func `an address without what is needed is refused without being shown`(url: String) {
        #expect {
            _ = try BrokerManagement(url: url, virtualHost: "/", http: CurlClient(logger: Logger(label: "test")))
        } throws: { error in
            let text = "\(error)"
            return text.contains("rabbitmq.managementUrl") && (url.isEmpty || !text.contains("'\(url)'"))
        }
    }
}
