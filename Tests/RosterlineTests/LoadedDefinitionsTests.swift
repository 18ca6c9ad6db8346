import Broker
import Curl
import Foundation
import LocalServers
import Logging
import RabbitMQ
import TestSupport
import Testing

@testable import rosterline

/// What brokers load at their start, by `docker/compose.yaml` and in Kubernetes.
@Suite(.timeLimit(.minutes(5)))
struct LoadedDefinitionsTests {
    private static let top = URL(filePath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: top.appending(path: path), encoding: .utf8)
    }

    @Test func `the files say what the program says`() throws {
        let wanted = BrokerTopology().definitions(virtualHost: "rosterline", policiesOnly: true)
        #expect(try Self.text("docker/rabbitmq-definitions.json") == wanted + "\n")
        let manifest = try Self.text("k8s/base/broker-definitions.yaml").split(separator: "\n")
        let inside = manifest.drop { $0 != "  50-rosterline.json: |" }.dropFirst().map { $0.dropFirst(4) }
        #expect(inside.joined(separator: "\n") == wanted)
    }

    @Test func `a broker comes up with them, and doctor and watch have nothing to say`() async throws {
        let folder = URL.temporaryDirectory.appending(path: "rosterline-definitions-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let definitions = try Self.prepare(folder)
        let node = try await LocalRabbitMQ.start(in: folder.path(), management: true, definitions: definitions.path())
        var configuration = RabbitMQConfiguration(
            hosts: [.init(node.host, port: node.port)], user: node.user, password: node.password)
        configuration.virtualHost = "rosterline"
        let topology = BrokerTopology()
        try await topology.create(configuration)
        // The configuration names a default user and the virtual host "/"; neither counts beside definitions.
        #expect(try await Self.names(node.ctl(["list_vhosts", "name"])) == ["rosterline"])
        #expect(try await Self.names(node.ctl(["list_users"])) == ["rosterline"])
        let management = try Self.management(of: node)
        let names = topology.queues.map(\.name)
        // The API shows what the queues tell it every 5 s.
        try await eventually("all policies are seen") {
            try await management.queues(named: names).allSatisfy { $0.policy != nil }
        }
        let findings = await BrokerExamination.examine(configuration, topology: topology) {
            try await management.queues(named: names)
        }
        #expect(findings.allSatisfy { $0.isWell }, "\(findings)")
        #expect(findings.contains { $0.words == "no setting of a queue can lose a message" })
        let capabilities = try #require(BrokerCapabilities(version: "3.10"))
        #expect(topology.troubles(try await management.queues(named: names), by: capabilities).isEmpty)
        // Whoever takes a policy away has it back at the next start.
        for policy in topology.policies { try await node.ctl(["clear_policy", "-p", "rosterline", policy.name]) }
        try await node.restart()
        let found = try await node.ctl(["list_policies", "-p", "rosterline", "--formatter", "json"])
        #expect(topology.findings(found: try BrokerPolicy.decode(listing: found)).isEmpty)
        #expect(try await topology.missing(configuration).isEmpty)
        try await node.stop()
    }

    /// Makes the account as `docker/make-secrets` does, and lays the files as `docker/compose.yaml` does.
    ///
    /// - Returns: the folder of the definitions.
    private static func prepare(_ folder: URL) throws -> URL {
        let files = FileManager.default
        let definitions = folder.appending(path: "definitions.d")
        try files.createDirectory(at: definitions, withIntermediateDirectories: true)
        let script = folder.appending(path: "make-secrets")
        try files.copyItem(at: top.appending(path: "docker/make-secrets"), to: script)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = [script.path()]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        let secrets = folder.appending(path: "secrets")
        try files.copyItem(
            at: secrets.appending(path: "rabbitmq-account.json"), to: definitions.appending(path: "10-account.json"))
        try files.copyItem(
            at: top.appending(path: "docker/rabbitmq-definitions.json"),
            to: definitions.appending(path: "50-rosterline.json"))
        let password = try String(contentsOf: secrets.appending(path: "rabbitmq-password"), encoding: .utf8)
        try password.trimmingCharacters(in: .whitespacesAndNewlines).write(
            to: folder.appending(path: "password"), atomically: false, encoding: .utf8)
        return definitions
    }

    private static func management(of node: LocalRabbitMQ) throws -> BrokerManagement {
        let port = try #require(node.managementPort)
        return try BrokerManagement(
            url: "http://\(node.user):\(node.password)@\(node.host):\(port)", virtualHost: "rosterline",
            http: CurlClient(logger: Logger(label: "test")))
    }

    /// First words of the lines below the title.
    private static func names(_ table: String) -> [String] {
        table.split(separator: "\n").compactMap { $0.split(separator: "\t").first.map(String.init) }
            .filter { !["name", "user"].contains($0) }
    }
}
