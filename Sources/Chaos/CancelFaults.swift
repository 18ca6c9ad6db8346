import FoundationEssentials
import Jobs
import Postgres
import Storage

/// What people may do in the middle of everything.
enum CancelFaults {
    /// Jobs are cancelled at random moments, some of them deaf to it.
    static let cancelling = Scenario(17, "cancel at random points") { trial in
        let isLong = trial.size == .long
        let work = isLong ? 200...3000 : 100...900
        let plain = try await trial.addIntegration(work: ToyWork(work, parts: 3))
        // They go on for longer than anybody waits.
        let deaf = try await trial.addIntegration(
            "deaf", work: ToyWork(isLong ? 15_000...20_000 : 5_000...7_000, isDeaf: true))
        for integration in [plain, deaf] { trial.allow(["cancelled", "completed"], for: integration) }
        try await trial.startScheduler(settings: ["MAINTENANCE_INTERVAL_SECONDS": isLong ? "1" : "0.2"])
        try await trial.startWorkers(3, slots: isLong ? 12 : 6)
        let jobs = try await trial.begin(isLong ? 100 : 24, plain, steps: [.extract, .convert, .importBatch])
        let stubborn = try await trial.begin(isLong ? 10 : 3, deaf)
        try await cancelAll(jobs + stubborn, trial, over: isLong ? .seconds(20) : .seconds(3))
        try await trial.waitForEnd(within: .seconds(isLong ? 90 : 40))
        let bound = isLong ? 10 : 60
        let slow = try await trial.count(
            """
            SELECT count(*)::int FROM job WHERE cancel_requested_at IS NOT NULL
                AND finished_at > cancel_requested_at + make_interval(secs => \(Double(bound)))
            """)
        trial.expect(slow == 0, "\(slow) jobs took more than \(bound) s from the request to their end")
        let slowest = try await trial.count(
            """
            SELECT coalesce(max(extract(milliseconds FROM finished_at - cancel_requested_at)
                + 60000 * extract(minutes FROM finished_at - cancel_requested_at)), 0)::int
            FROM job WHERE cancel_requested_at IS NOT NULL
            """)
        trial.note("the slowest cancellation took \(slowest) ms")
        try await trial.wait("late reports of progress are swept", within: .seconds(90)) {
            try await trial.count("SELECT count(*)::int FROM step_progress") == 0
        }
        for table in ["job_key", "outbox"] {
            let left = try await trial.count(PostgresQuery(unescaped: "SELECT count(*)::int FROM \(table)"))
            trial.expect(left == 0, "\(left) rows were left in \(table)")
        }
        // The deaf ones are still at it, and must not be able to leave anything.
        try await trial.wait("the deaf ones tried to write", within: .seconds(40)) {
            try await trial.count("SELECT count(*)::int FROM history WHERE what = 'refused'") > 0
        }
    }

    /// In an order and at moments drawn from the seed.
    private static func cancelAll(_ jobs: [JobID], _ trial: ChaosTrial, over time: Duration) async throws {
        var left = jobs
        while !left.isEmpty {
            let job = left.remove(at: trial.random(0..<left.count))
            try await Task.sleep(for: time / jobs.count * Double(trial.random(0..<200)) / 100)
            trial.countFault()
            try await trial.pool.withTransaction { transaction in
                _ = try await JobStore.cancel(job, by: "chaos", reason: "To see what happens.", in: transaction)
            }
        }
    }
}
