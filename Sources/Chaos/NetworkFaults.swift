import Jobs
import LocalServers

/// What may happen on the way to the servers.
enum NetworkFaults {
    /// Latency, resets and black holes between the processes and both servers.
    static let wire = Scenario(9, "slow wire, resets, black holes") { trial in
        let isLong = trial.size == .long
        let stage = trial.stage
        let postgres = try await NetworkProxy.start(to: stage.postgres.host, port: stage.postgres.port)
        let broker = try await NetworkProxy.start(to: stage.rabbitMQ.host, port: stage.rabbitMQ.port)
        trial.lead { route in
            route.postgresPort = postgres.port
            route.brokers = "127.0.0.1:\(broker.port)"
        }
        for proxy in [postgres, broker] { proxy.set { $0.latency = .milliseconds(isLong ? 200 : 20) } }
        let integration = try await trial.addIntegration(work: ToyWork(isLong ? 50...500 : 50...200))
        try await trial.startScheduler()
        try await trial.startWorkers(isLong ? 4 : 2, slots: 4)
        try await trial.begin(isLong ? 1_500 : 40, integration)
        // Each way of each link in turn, and resets between; more jobs come as long as there are holes to fall into.
        for proxy in [postgres, broker] {
            for way in NetworkProxy.Way.allCases {
                try await resets(trial, [postgres, broker], for: isLong ? .seconds(10) : .milliseconds(400))
                try await trial.begin(isLong ? 200 : 5, integration)
                proxy.set { $0.blackHoles = [way] }
                trial.countFault()
                try await Task.sleep(for: isLong ? .seconds(30) : .milliseconds(600))
                proxy.set { $0.blackHoles = [] }
            }
        }
        try await trial.waitForEnd(within: .seconds(isLong ? 300 : 60))
        await trial.processes.killAll()
        await postgres.stop()
        await broker.stop()
    }

    /// Each second each connection breaks with a chance of 5 %.
    private static func resets(_ trial: ChaosTrial, _ proxies: [NetworkProxy], for time: Duration) async throws {
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            for proxy in proxies {
                trial.countFault(proxy.reset(percent: 5) { trial.random($0) })
            }
            try await Task.sleep(for: trial.size == .long ? .seconds(1) : .milliseconds(200))
        }
    }
}
