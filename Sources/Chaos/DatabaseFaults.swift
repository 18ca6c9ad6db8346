import Glibc
import Jobs
import LocalServers
import Postgres

/// What may happen to Postgres.
enum DatabaseFaults {
    /// Sessions cut, the server killed, the server frozen, while jobs run.
    static let outages = Scenario(8, "Postgres: sessions cut, killed, frozen") { trial in
        let isLong = trial.size == .long
        let integration = try await trial.addIntegration(work: ToyWork(isLong ? 10...300 : 20...200))
        let parts = try await trial.addIntegration("parts", work: ToyWork(isLong ? 10...300 : 20...200, parts: 3))
        // So seldom does the dispatcher look unasked, so that it is the notices that jobs go by.
        try await trial.startScheduler(settings: ["DISPATCHER_INTERVAL_SECONDS": "60"])
        try await trial.startWorkers(isLong ? 4 : 2, slots: 4)
        try await trial.begin(isLong ? 6_000 : 300, integration)
        try await trial.begin(isLong ? 500 : 20, parts)
        try await trial.hurt(every: isLong ? .seconds(10) : .milliseconds(900), within: .seconds(isLong ? 400 : 60)) {
            number in
            trial.countFault()
            let left = (try? await trial.unfinished()) ?? 0
            trial.expect(number > 2 || left > 0, "nothing was under way at fault \(number)")
            switch number {
            case 1:
                try await trial.stage.postgres.kill()
                try await trial.stage.postgres.restart()
            case 2:
                // As in a failover: the address answers, and nobody is there.
                try await freeze(trial, for: isLong ? .seconds(60) : .milliseconds(2500))
            default:
                _ = try? await trial.pool.query(
                    """
                    SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """)
            }
        }
        trial.expect(trial.faults > 2, "all was done before the server had been killed and frozen")
        // Whoever listens hears again: a job is taken without waiting for a look.
        for _ in 0..<5 {
            try await trial.begin(1, integration)
            let time = try await trial.wait("a new job ends", within: .seconds(60)) {
                try await trial.unfinished() == 0
            }
            trial.expect(
                (time ?? .zero) < .seconds(isLong ? 5 : 30), "a new job took \(time ?? .zero): nobody hears notices")
        }
    }

    private static func freeze(_ trial: ChaosTrial, for time: Duration) async throws {
        guard let server = await trial.stage.postgres.processIdentifier else { return }
        let processes = KernelCounts.children(of: server) + [server]
        for process in processes { kill(process, SIGSTOP) }
        try? await Task.sleep(for: time)
        // In the other order: the server would take its children for dead.
        for process in processes.reversed() { kill(process, SIGCONT) }
    }
}
