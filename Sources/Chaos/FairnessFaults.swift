import FoundationEssentials
import Jobs
import Postgres

/// What one institution may do to the others.
enum FairnessFaults {
    /// Many institutions with one job each, alone; then beside one with very many jobs.
    static let flood = Scenario(16, "one institution floods the queues") { trial in
        let isLong = trial.size == .long
        let institutions = isLong ? 1_000 : 40
        let work = ToyWork(isLong ? 1...5 : 5...15)
        var others: [Int64] = []
        for index in 0..<institutions { others.append(try await trial.addIntegration("school\(index)", work: work)) }
        let big = try await trial.addIntegration("big", work: work)
        // The limit that an institution has unless somebody sets another.
        try await trial.pool.execute("UPDATE institution SET concurrent_steps = 8 WHERE slug = 'big'")
        try await trial.startScheduler()
        try await trial.startWorkers(2, slots: 8)
        // The first of all finds processes that are still connecting.
        _ = try await wait(trial, Array(others.prefix(20)))
        let solo = try await wait(trial, others)
        try await trial.begin(isLong ? 50_000 : 700, big)
        trial.countFault()
        try await trial.wait("the big one is at it", within: .seconds(30)) {
            try await trial.count(
                """
                SELECT count(*)::int FROM job WHERE integration_id = \(big) AND state = 'completed'
                """
            ) > 20
        }
        let beside = try await wait(trial, others)
        let stillBusy = try await trial.unfinished()
        trial.note("p95 wait of the others: \(milliseconds(solo)) alone, \(milliseconds(beside)) beside the big one")
        trial.expect(stillBusy > 0, "the big one was through too early: this shows nothing")
        // Below what anybody notices the ratio says nothing. The short form runs beside other tests, whose load would
        // decide a ratio of milliseconds; without turns the others would wait some twenty seconds in it.
        trial.expect(
            beside <= max(2 * solo, isLong ? 0.25 : 3),
            "the others wait \(milliseconds(beside)) beside it, more than twice \(milliseconds(solo))")
        try await trial.waitForEnd(within: .seconds(isLong ? 600 : 60))
    }

    private static func milliseconds(_ seconds: Double) -> String { "\(Int(seconds * 1000)) ms" }

    /// Begins one job of each, spread over a while, and returns the 95th percentile of their waits in seconds.
    private static func wait(_ trial: ChaosTrial, _ integrations: [Int64]) async throws -> Double {
        let jobs = trial.drawJobs(integrations.count)
        trial.remember(jobs)
        for start in stride(from: 0, to: jobs.count, by: 20) {
            let end = min(start + 20, jobs.count)
            try await trial.begin(
                (start..<end).map { index in
                    JobRequest(
                        .rosterSync, integration: integrations[index], postedBy: "chaos", id: jobs[index],
                        steps: [.extract])
                })
            try await Task.sleep(for: .milliseconds(100))
        }
        try await trial.wait("the others' jobs end", within: .seconds(120)) {
            try await trial.count(
                """
                SELECT count(*)::int FROM job WHERE id = ANY(\(jobs.map(\.uuid))::uuid[]) AND finished_at IS NULL
                """) == 0
        }
        let row = try await trial.pool.query(
            """
            SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - queued_at))::float8
                AS wait
            FROM step WHERE job_id = ANY(\(jobs.map(\.uuid))::uuid[])
            """
        ).first
        return try row?.decode("wait", as: Double.self) ?? 0
    }
}
