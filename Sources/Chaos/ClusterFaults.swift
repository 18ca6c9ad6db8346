import Broker
import Jobs
import LocalServers

/// What may happen to a broker of three nodes.
enum ClusterFaults {
    /// The node that leads the queue is killed in the middle of many jobs, and comes back.
    static let leader = Scenario(21, "three nodes, leader of the queue killed", hasShortForm: false) { trial in
        let cluster = try await LocalRabbitMQCluster.start()
        trial.lead { route in
            route.brokers = cluster.nodes.map { "\($0.host):\($0.port)" }.joined(separator: ",")
            route.brokerUser = cluster.nodes[0].user
            route.brokerPassword = cluster.nodes[0].password
        }
        let (status, output) = try await trial.run(["migrate"])
        trial.expect(status == 0, "rosterline migrate: \(output)")
        let integration = try await trial.addIntegration(work: ToyWork(10...100))
        try await trial.startScheduler()
        try await trial.startWorkers(4, slots: 4)
        let count = trial.size == .long ? 5_000 : 200
        try await trial.begin(count, integration)
        try await trial.wait("half of the jobs are done", within: .seconds(300)) {
            try await trial.unfinished() < count / 2
        }
        let leader = try await cluster.leader(of: trial.topology.queue(for: .extract))
        trial.expect(leader != nil, "nobody leads the queue")
        try await leader?.kill()
        trial.countFault()
        try await trial.waitForEnd(within: .seconds(300))
        try await leader?.restart()
        try await trial.begin(100, integration)
        try await trial.waitForEnd(within: .seconds(60))
        await trial.processes.killAll()
        try await cluster.stop()
    }
}
