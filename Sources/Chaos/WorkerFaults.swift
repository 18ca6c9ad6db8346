import FoundationEssentials
import Jobs
import Postgres

/// What may happen to workers.
enum WorkerFaults {
    /// `kill -9` of a random worker again and again while jobs run.
    static let killing = Scenario(1, "kill -9 of random workers") { trial in
        let isLong = trial.size == .long
        let (workers, slots) = isLong ? (8, 4) : (3, 2)
        let work = try await trial.addIntegration(work: ToyWork(isLong ? 10...300 : 10...150))
        // Some have three steps, and some save where they stand.
        let parts = try await trial.addIntegration("parts", work: ToyWork(isLong ? 10...300 : 10...150, parts: 3))
        try await trial.startScheduler()
        try await trial.startWorkers(workers, slots: slots)
        try await trial.begin(isLong ? 8_500 : 150, work)
        try await trial.begin(isLong ? 1_000 : 30, parts)
        try await trial.begin(isLong ? 500 : 20, work, steps: [.extract, .convert, .importBatch])
        try await trial.hurt(every: isLong ? .seconds(3) : .milliseconds(900), within: .seconds(isLong ? 400 : 60)) {
            number in
            // On a machine that stands still most of the time, a step could meet three of them, which is poison.
            if !isLong, number >= 12 { return }
            // Pods have names of their own, and so have these.
            let names = await trial.processes.names.filter { $0.hasPrefix("worker") }
            try await trial.replace(
                names[trial.random(0..<names.count)], with: "worker\(workers + number + 1)", slots: slots)
        }
        try await trial.expectRescues()
    }

    /// SIGTERM and a new process, for each worker, twice.
    static let restarting = Scenario(2, "rolling restart by SIGTERM") { trial in
        let isLong = trial.size == .long
        let (workers, slots) = isLong ? (8, 4) : (3, 2)
        let lease = trial.pace.safeLease
        let integration = try await trial.addIntegration(work: ToyWork(isLong ? 10...300 : 10...150))
        try await trial.startScheduler()
        try await trial.startWorkers(workers, slots: slots, lease: lease)
        try await trial.begin(isLong ? 10_000 : 200, integration)
        for round in 1...2 {
            for index in 1...workers {
                let old = round == 1 ? "worker\(index)" : "worker\(index)-\(round - 1)"
                try await trial.processes.drain(old, within: .seconds(isLong ? 40 : 180))
                trial.countFault()
                try await trial.startWorker("worker\(index)-\(round)", slots: slots, lease: lease)
            }
        }
        try await trial.waitForEnd(within: .seconds(isLong ? 300 : 60))
        let failures = try await trial.count("SELECT coalesce(sum(failures), 0)::int FROM step")
        let rescues = try await trial.count("SELECT coalesce(sum(rescues), 0)::int FROM step")
        trial.expect(failures == 0, "\(failures) failures were counted")
        trial.expect(rescues == 0, "\(rescues) steps had to be rescued")
    }

    /// A worker sleeps through its leases, and wakes up.
    static let freezing = Scenario(3, "SIGSTOP past the lease, then SIGCONT") { trial in
        let isLong = trial.size == .long
        // They do not hear that their lease is lost, so each tries to write when it wakes up.
        let integration = try await trial.addIntegration(
            work: ToyWork(isLong ? 500...2000 : 300...900, isDeaf: true))
        // What waits inside the frozen process stays there until the broker misses its heartbeats, or until it is rung
        // for again: in the short form there is no time for that.
        // And one worker is left: what is rescued must not stand behind a minute of its work at the broker.
        var settings = ["DISPATCHER_WINDOW": "24"]
        if !isLong { settings["MAINTENANCE_PATIENCE_SECONDS"] = "2" }
        try await trial.startScheduler(settings: settings)
        for index in 1...3 { try await trial.startWorker("worker\(index)", slots: 4, prefetch: isLong ? 64 : 1) }
        try await trial.begin(isLong ? 400 : 36, integration)
        var held: [String: Int] = [:]
        for name in ["worker1", "worker2"] {
            let count: PostgresQuery = "SELECT count(*)::int FROM step WHERE lease_owner = \(name)"
            try await trial.wait("\(name) has steps", within: .seconds(30)) { try await trial.count(count) > 0 }
            try await trial.freeze(name)
            held[name] = try await trial.count(count)
        }
        // The first one wakes up while somebody else holds what it believes to hold; the second when that is long done.
        try await trial.wait("another one does the first one's work", within: .seconds(isLong ? 120 : 60)) {
            try await trial.count(
                """
                SELECT count(*)::int FROM step s WHERE state = 'running' AND lease_owner NOT IN ('worker1', 'worker2')
                    AND EXISTS (SELECT FROM history h WHERE h.job_id = s.job_id AND h.what = 'claim' AND h.owner = 'worker1')
                """) > 0
        }
        try await wakeUp("worker1", trial, held)
        try await trial.wait("the others do all the work", within: .seconds(isLong ? 240 : 60)) {
            try await trial.unfinished() == 0
        }
        try await wakeUp("worker2", trial, held)
        if isLong { try await trial.expectRescues() }
    }

    /// It tries to write what it was about to.
    private static func wakeUp(_ name: String, _ trial: ChaosTrial, _ held: [String: Int]) async throws {
        await trial.thaw(name)
        let count = held[name] ?? 0
        trial.expect(count > 0, "\(name) held nothing when it was frozen")
        try await trial.wait("\(name) tries to write", within: .seconds(20)) {
            try await trial.count("SELECT count(*)::int FROM history WHERE what = 'refused' AND owner = \(name)")
                >= count
        }
        try await trial.wait("\(name) says so", within: .seconds(20)) {
            trial.log(of: name, holds: "A step's lease was lost; its result was not written")
        }
    }

    /// A step that takes its process down with it.
    static let poison = Scenario(12, "poison that aborts its process") { trial in
        let isLong = trial.size == .long
        let good = try await trial.addIntegration(work: ToyWork(isLong ? 10...200 : 10...100))
        let poison = try await trial.addIntegration("poison", work: ToyWork(20...60, crashes: true))
        trial.allow(["failed"], for: poison)
        let (workers, slots) = isLong ? (8, 4) : (3, 2)
        try await trial.startScheduler()
        try await trial.startWorkers(workers, slots: slots)
        try await trial.begin(isLong ? 500 : 40, good)
        let bad = isLong ? 3 : 1
        try await trial.begin(bad, poison)
        try await trial.begin(isLong ? 1_500 : 40, good)
        // As Kubernetes would: who has ended is started again.
        var restarts = 0
        try await trial.wait("all jobs end", within: .seconds(isLong ? 240 : 60)) {
            for _ in await trial.processes.takeEnded() {
                restarts += 1
                trial.countFault()
                try await trial.startWorker("worker\(workers + restarts)", slots: slots)
            }
            return try await trial.unfinished() == 0
        }
        let claims: PostgresQuery = """
            FROM history WHERE what = 'claim' AND job_id IN (SELECT id FROM job WHERE state = 'failed')
            """
        let taken = try await trial.count("SELECT count(*)::int \(claims)")
        trial.expect(taken == 3 * bad, "poison was taken \(taken) times; three times each is right")
        // Two that one worker holds at once go down together.
        let crashes = try await trial.count("SELECT count(DISTINCT owner)::int \(claims)")
        trial.expect(restarts == crashes, "workers crashed \(restarts) times, of which poison explains \(crashes)")
        let parked = try await trial.count("SELECT count(*)::int FROM step WHERE error_code = 'step.poison'")
        trial.expect(parked == bad, "\(parked) steps were parked, not \(bad)")
    }
}

extension ChaosTrial {
    /// Every step that was held by a killed worker was taken up again, soon enough.
    func expectRescues() async throws {
        let figures = HistoryFigures(of: try await patiently { try await history.events() })
        guard let slowest = figures.rescueDelays.percentile(0.99) else {
            // In the short form all may be over before a kill hits.
            return expect(size == .short, "nothing had to be rescued")
        }
        expect(
            slowest <= pace.rescueBound,
            "the 99th percentile of the rescue delay is \(slowest) s, above \(pace.rescueBound) s")
    }
}
