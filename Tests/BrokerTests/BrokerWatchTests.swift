import Broker
import Jobs
import LocalServers
import Logging
import RabbitMQ
import TestSupport
import Testing

/// What an operator may do to a broker under running processes, and how soon the watch says so. It does harm to users
/// and to the whole node, so the node is its own.
@Suite(.serialized, .ownRabbitMQ, .timeLimit(.minutes(5)))
struct BrokerWatchTests {
    @Test func `deleted queues and exchanges are created again, with their bindings`() async throws {
        try await withWatch { scene in
            try await scene.asAdministrator { broker in
                try await broker.delete(queue: scene.queue)
                try await broker.delete(exchange: scene.topology.stepExchange)
            }
            try await eventually("both are back") {
                try await scene.topology.missing(scene.administrator).isEmpty
            }
            try await withStepServices(scene.administrator, scene.topology) { publisher, consumer in
                // The bindings come last.
                try await eventually("doorbells get through again") {
                    try await publisher.publish([StepPublication(step(.convert))]) == [.sent]
                }
                try await consumer.acknowledge(try await consumer.nextBatch(max: 1))
            }
            // One line or two: what was deleted between a look and its mending is made again with the rest.
            try await eventually("it is told") {
                let told = scene.told("Something was missing at the broker and has been created again")
                return told.contains { $0.contains(scene.queue) }
            }
        }
    }

    @Test func `a binding that was removed is made again`() async throws {
        try await withWatch { scene in
            let binding = try #require(scene.topology.bindings.first)
            try await scene.asAdministrator { try await $0.unbind(binding) }
            try await withStepServices(scene.administrator, scene.topology) { publisher, _ in
                try await eventually("doorbells get through again") {
                    try await publisher.publish([StepPublication(step(.extract))]) == [.sent]
                }
            }
        }
    }

    @Test func `without the right to configure it says what is missing, and when that is over`() async throws {
        try await withWatch(permissions: ["^$", ".*", ".*"]) { scene in
            try await scene.asAdministrator { try await $0.delete(queue: scene.queue) }
            try await eventually("it is told") {
                scene.told("Something is wrong at the broker").contains {
                    $0.contains("may not create what is missing")
                }
            }
            try await scene.topology.create(scene.administrator)
            try await eventually("the end is told") {
                scene.told("That is well again at the broker").count >= 2
            }
        }
    }

    @Test(arguments: [("write", ["^$", "^$", ".*"]), ("read", ["^$", ".*", "^$"])])
    func `a right that was taken away is told, and when it is given back`(
        right: String, permissions: [String]
    ) async throws {
        try await withWatch { scene in
            try await scene.permit(permissions)
            try await eventually("it is told") {
                scene.told("Something is wrong at the broker").contains { $0.contains("may not \(right)") }
            }
            try await scene.permit([".*", ".*", ".*"])
            try await eventually("the end is told") {
                scene.told("That is well again at the broker").contains { $0.contains("may not \(right)") }
            }
        }
    }

    @Test func `a password changed under a live connection is told`() async throws {
        try await withWatch { scene in
            try await scene.local.ctl(["change_password", scene.user, "another"])
            try await eventually("it is told") {
                scene.told("Something is wrong at the broker").contains { $0.contains("user and password") }
            }
            try await scene.local.ctl(["change_password", scene.user, scene.password])
            try await eventually("the end is told") {
                scene.told("That is well again at the broker").count == 1
            }
        }
    }

    @Test func `an alarm is told though nobody publishes`() async throws {
        try await withWatch { scene in
            try await scene.local.setMemoryAlarm(on: true)
            try await eventually("it is told") {
                scene.told("Something is wrong at the broker").contains { $0.contains("alarm") }
            }
            try await scene.local.setMemoryAlarm(on: false)
            try await eventually("the end is told") {
                scene.told("That is well again at the broker").count == 1
            }
        }
    }

    @Test func `the doctor says the same words and changes nothing`() async throws {
        try await withWatch(isWatching: false) { scene in
            var findings = await BrokerExamination.examine(scene.configuration, topology: scene.topology)
            #expect(findings.map(\.grade) == [.well, .well, .well, .note])
            try await scene.asAdministrator { try await $0.delete(queue: scene.queue) }
            try await scene.permit([".*", "^$", ".*"])
            findings = await BrokerExamination.examine(scene.configuration, topology: scene.topology)
            let wrong = findings.filter { !$0.isWell }.map(\.words)
            #expect(
                wrong == [
                    BrokerTrouble.queueMissing(name: scene.queue).words,
                    BrokerTrouble.mayNotWrite(exchange: scene.topology.stepExchange).words,
                ])
            try await scene.local.ctl(["change_password", scene.user, "another"])
            findings = await BrokerExamination.examine(scene.configuration, topology: scene.topology)
            #expect(findings.map(\.words) == [BrokerTrouble.passwordRefused.words])
            try await scene.topology.create(scene.administrator)
        }
    }

    /// What a test needs of the node.
    private struct Scene {
        let local: LocalRabbitMQ
        let administrator: RabbitMQConfiguration
        let topology: BrokerTopology
        let user: String
        let password: String
        let recorder = LogRecorder()

        var queue: String { topology.queue(for: .convert) }

        var configuration: RabbitMQConfiguration {
            var configuration = administrator
            (configuration.user, configuration.password) = (user, password)
            return configuration
        }

        func permit(_ permissions: [String]) async throws {
            try await local.ctl(["set_permissions", user] + permissions)
        }

        func asAdministrator(_ body: @Sendable (RabbitMQAdministration) async throws -> Void) async throws {
            try await RabbitMQAdministration.with(administrator) { try await body($0) }
        }

        /// The troubles in the lines with this message.
        func told(_ message: String) -> [String] {
            recorder.lines.filter { $0.message == message }.map {
                "\($0.metadata[BrokerKeys.Log.trouble] ?? "")"
            }
        }
    }

    private func withWatch(
        permissions: [String] = [".*", ".*", ".*"], isWatching: Bool = true, _ body: (Scene) async throws -> Void
    ) async throws {
        let local = try #require(RabbitMQServer.current).local
        try await withTopology { administrator, topology in
            let scene = Scene(
                local: local, administrator: administrator, topology: topology,
                user: "user\(UInt32.random(in: 0...UInt32.max))", password: "secret")
            try await local.ctl(["add_user", scene.user, scene.password])
            try await scene.permit(permissions)
            let watch = BrokerWatch(
                configuration: scene.configuration, topology: topology,
                use: BrokerUse(publishes: true, queues: [scene.queue]), interval: .seconds(1),
                logger: scene.recorder.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                if isWatching { group.addTask { try await watch.run() } }
                defer { group.cancelAll() }
                try await body(scene)
            }
        }
    }
}
