import FoundationEssentials
import Jobs
import Postgres
import Storage

/// What one institution may do to the others.
enum FairnessFaults {
    /// Many institutions with one job each, in turn alone and beside one with very many jobs.
    static let flood = Scenario(16, "one institution floods the queues") { trial in
        let isLong = trial.size == .long
        let institutions = isLong ? 1_000 : 40
        let rounds = isLong ? 5 : 2
        let work = ToyWork(isLong ? 1...5 : 5...15)
        var others: [Int64] = []
        for index in 0..<institutions { others.append(try await trial.addIntegration("school\(index)", work: work)) }
        let big = try await trial.addIntegration("big", work: work)
        // The limit that an institution has unless somebody sets another.
        try await trial.pool.execute("UPDATE institution SET concurrent_steps = 8 WHERE slug = 'big'")
        try await trial.startScheduler()
        // A limit keeps slots free for others where there are more slots than it allows: here three fourths of them.
        try await trial.startWorkers(2, slots: 16)
        // The first of all finds processes that are still connecting.
        _ = try await wait(trial, Array(others.prefix(20)))
        try await trial.begin(isLong ? 50_000 : 1_500, big)
        trial.countFault()
        var (alone, beside): ([Double], [Double]) = ([], [])
        // In turn, since what the machine's other guests do meanwhile is no flood: the middle of the rounds counts.
        for round in 0..<rounds {
            let some = stride(from: round, to: institutions, by: rounds).map { others[$0] }
            try await pause(trial)
            alone.append(try await wait(trial, some))
            try await resume(trial)
            beside.append(try await wait(trial, some))
        }
        let stillBusy = try await trial.unfinished()
        trial.expect(stillBusy > 0, "the big one was through too early: this shows nothing")
        let (solo, flooded) = (middle(alone), middle(beside))
        let words = "\(milliseconds(alone)) ms alone, \(milliseconds(beside)) ms beside the big one"
        trial.note("the others' p95 waits: \(words)")
        // Below what anybody notices the ratio says nothing. The short form runs beside other tests, whose load would
        // decide a ratio of milliseconds; without turns the others would wait some twenty seconds in it.
        trial.expect(flooded <= max(2 * solo, isLong ? 0.1 : 10), "the others wait more than twice as long: \(words)")
        try await trial.waitForEnd(within: .seconds(isLong ? 1200 : 60))
        try await shareByWeight(trial, isLong ? 3_000 : 300, work)
    }

    /// Two without a limit, of which nothing keeps slots free: as long as both wait, they go on by their weights.
    private static func shareByWeight(_ trial: ChaosTrial, _ count: Int, _ work: ToyWork) async throws {
        let light = try await trial.addIntegration("light", work: work)
        let heavy = try await trial.addIntegration("heavy", work: work)
        try await trial.pool.execute("UPDATE institution SET weight = 3 WHERE slug = 'heavy'")
        let pauses = PauseStore(trial.pool)
        let queue = StepKind.extract.rawValue
        try await pauses.pause(.queue, queue, until: nil, reason: "Until both stand in line.", by: "chaos")
        // In the order of their begins, the light one's jobs would all go first.
        try await trial.begin(count, light)
        try await trial.begin(count, heavy)
        trial.expect(try await pauses.resume(.queue, queue), "the pause is gone")
        try await trial.waitForEnd(within: .seconds(120))
        // Up to the middle, as a worker that the machine lets wait holds the last of both kinds back.
        let began = try await trial.count(
            """
            SELECT count(*)::int FROM step s JOIN job j ON j.id = s.job_id
            WHERE j.integration_id = \(light) AND s.started_at <= (
                SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY h.started_at) FROM step h
                JOIN job k ON k.id = h.job_id WHERE k.integration_id = \(heavy))
            """)
        let ratio = 0.5 * Double(count) / Double(max(began, 1))
        trial.note("weights 3 and 1 shared the slots \(Double(Int(ratio * 100)) / 100) to 1")
        // Workers begin what stands at the broker in no strict order, and in the short form that is most of all.
        let bounds = trial.size == .long ? 2.5..<3.6 : 2..<4.5
        trial.expect(bounds.contains(ratio), "weights 3 and 1 shared the slots \(ratio) to 1")
    }

    private static func pause(_ trial: ChaosTrial) async throws {
        try await PauseStore(trial.pool).pause(.institution, "big", until: nil, reason: "A round alone.", by: "chaos")
        try await trial.wait("the big one stands still", within: .seconds(30)) { try await inFlight(trial) == 0 }
    }

    private static func resume(_ trial: ChaosTrial) async throws {
        trial.expect(try await PauseStore(trial.pool).resume(.institution, "big"), "the pause is gone")
        try await trial.wait("the big one is at it", within: .seconds(30)) { try await inFlight(trial) > 0 }
    }

    /// Steps of the big one that are rung for or running.
    private static func inFlight(_ trial: ChaosTrial) async throws -> Int {
        try await trial.count(
            """
            SELECT count(*)::int FROM outbox o JOIN institution n ON n.id = o.institution_id
            WHERE n.slug = 'big' AND o.rung_at IS NOT NULL
            """)
    }

    private static func middle(_ values: [Double]) -> Double { values.sorted().percentile(0.5) ?? 0 }

    private static func milliseconds(_ seconds: [Double]) -> String {
        seconds.map { "\(Int($0 * 1000))" }.joined(separator: ", ")
    }

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
