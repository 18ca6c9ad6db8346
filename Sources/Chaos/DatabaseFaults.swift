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
        try await trial.startScheduler()
        try await trial.startWorkers(isLong ? 4 : 2, slots: 4)
        try await trial.begin(isLong ? 6_000 : 120, integration)
        try await trial.begin(isLong ? 500 : 20, parts)
        try await trial.hurt(every: isLong ? .seconds(10) : .milliseconds(900), within: .seconds(isLong ? 400 : 60)) {
            number in
            trial.countFault()
            switch number {
            case 1:
                try await trial.stage.postgres.kill()
                try await trial.stage.postgres.restart()
            case 3:
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
        // Whoever listens hears again: a job is taken without waiting for a look.
        try await trial.begin(1, integration)
        try await trial.waitForEnd(within: .seconds(30))
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
