import FoundationEssentials
import Glibc

/// Several private RabbitMQ nodes on this machine, joined to one cluster: own ports, own data folders, a common Erlang
/// cookie that no other node knows.
///
/// Each node takes some 120 MiB and, while it starts, a core for some seconds.
package struct LocalRabbitMQCluster: Sendable {
    /// In the order of their start; a node that was killed stays in its place.
    package let nodes: [LocalRabbitMQ]

    /// Starts the nodes side by side, and waits until each knows all others.
    /// - Throws: `ServerError`; what was started ends then.
    package static func start(nodes count: Int = 3) async throws -> LocalRabbitMQCluster {
        precondition(count > 0, "a cluster of \(count) nodes")
        var ports: Set<Int> = []
        while ports.count < count { ports.insert(try LocalServerPort.free()) }
        let membership = LocalRabbitMQ.Membership(ports: ports.sorted())
        let nodes = try await withThrowingTaskGroup(of: LocalRabbitMQ.self) { group in
            for port in membership.ports {
                group.addTask {
                    try await LocalRabbitMQ.start(
                        in: nil, port: port, tls: false, management: false, membership: membership)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let cluster = LocalRabbitMQCluster(nodes: nodes.sorted { $0.port < $1.port })
        for node in cluster.nodes { try await node.ctl(["await_online_nodes", "\(count)"]) }
        return cluster
    }

    /// Stops all nodes in order; their folders vanish.
    package func stop() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for node in nodes { group.addTask { try await node.stop() } }
            try await group.waitForAll()
        }
    }

    /// The node that leads a quorum queue now; nil while there is none.
    /// - Throws: `ServerError` when no node answers.
    package func leader(of queue: String) async throws -> LocalRabbitMQ? {
        var last: (any Error)?
        for node in nodes where await node.processIdentifier != nil {
            do {
                let listing = try await node.ctl(["list_queues", "--no-table-headers", "name", "leader"])
                let fields = listing.split(separator: "\n").map { $0.split(separator: "\t") }
                let line = fields.first { $0.count == 2 && $0[0] == queue }
                return line.flatMap { line in nodes.first { $0.nodeName == line[1] } }
            } catch {
                last = error
            }
        }
        if let last { throw last }
        return nil
    }
}

extension LocalRabbitMQ {
    /// What makes a node one of a cluster.
    struct Membership: Sendable {
        /// Of all nodes; their names come from these.
        let ports: [Int]
        /// What Erlang nodes show each other before they talk.
        let cookie = UUID().uuidString.filter { $0 != "-" }
        /// The first node to start makes the user, so all must agree on the password.
        let password = UUID().uuidString.lowercased()

        /// Puts the cookie where the node and its command line look for it, and the password where the node does.
        func prepare(_ folder: String) throws {
            for (file, text) in [("/home/.erlang.cookie", cookie), ("/password", password)] {
                let path = folder + file
                if access(path, F_OK) == 0 { continue }
                try text.write(toFile: path, atomically: false, encoding: .utf8)
                // Erlang refuses a cookie that others may read.
                chmod(path, 0o400)
            }
        }

        /// Lines for the node's configuration.
        var configuration: [String] {
            ["cluster_formation.peer_discovery_backend = classic_config"]
                + ports.enumerated().map { index, port in
                    "cluster_formation.classic_config.nodes.\(index + 1) = \(LocalRabbitMQ.nodeName(port: port))"
                }
        }
    }

    static func nodeName(port: Int) -> String {
        "rosterline\(port)@localhost"
    }
}
