internal import Foundation
internal import LocalServers
internal import Postgres

/// Jobs that wait at the broker, and workers that take them until all are completed.
struct DrainMeasurement: Codable, Sendable {
    let jobs: Int
    /// From the first start to the last completion, by the database's clock.
    let seconds: Double
    /// Seconds of processor time per 1000 jobs.
    let workerTime: Double
    let brokerTime: Double
    let postgresTime: Double
    let logBytes: Double
    let commits: Double
    let networkBytes: Double

    var rate: Double { Double(jobs) / seconds }

    private struct Counters {
        var postgres: Double
        var broker: Double
        var network: Int
        var position: Int64
        var commits: Int64
    }

    /// Fills the queue, drains it, and looks on.
    ///
    /// - Parameters:
    ///   - count: jobs to drain.
    ///   - waiting: jobs at the broker, `count` or more.
    ///   - filled: called when the queue is full and no worker has started.
    static func run(
        _ round: Round, count: Int, waiting: Int? = nil, workers: Int = 1, filled: () async throws -> Void = {}
    ) async throws -> DrainMeasurement {
        let waiting = waiting ?? count
        try await round.fill(waiting)
        try await filled()
        let before = try await counters(round)
        var running: [LocalServerProcess] = []
        for number in 1...workers {
            running.append(try round.startWorker(number, expecting: workers == 1 ? count : nil))
        }
        let (workerTime, looks) = try await watch(running, round, count: count)
        for worker in running { try? await worker.kill() }
        // What a session has counted is seen a second after its last statement at the latest, or once it has ended.
        try await Task.sleep(for: .milliseconds(1200))
        let after = try await counters(round)
        let row = try await round.pool.query(PostgresQuery(unescaped: round.contestant.progress)).first
        guard let (done, seconds) = try row?.decode((Int.self, Double?.self)), let seconds, done > 0 else {
            throw BenchError("\(round.contestant.title) completed nothing; read the logs in \(round.scene.folder).")
        }
        let thousands = Double(done) / 1000
        return DrainMeasurement(
            jobs: done, seconds: seconds, workerTime: workerTime / thousands,
            brokerTime: (after.broker - before.broker) / thousands,
            postgresTime: (after.postgres - before.postgres) / thousands,
            logBytes: Double(after.position - before.position) / Double(done),
            commits: Double(after.commits - before.commits - Int64(looks)) / Double(done),
            networkBytes: Double(after.network - before.network) / Double(done))
    }

    private static func counters(_ round: Round) async throws -> Counters {
        let row = try await round.pool.query(
            """
            SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, xact_commit
            FROM pg_stat_database WHERE datname = current_database()
            """
        ).first
        guard let (position, commits) = try row?.decode((Int64.self, Int64.self)) else {
            throw BenchError("Postgres does not say what it has written.")
        }
        let times = await round.scene.serverTimes()
        return Counters(
            postgres: times.postgres, broker: times.broker, network: ProcessTimes.loopbackBytes(), position: position,
            commits: commits)
    }

    /// Waits until the jobs are completed.
    ///
    /// - Returns: processor time of the workers since the first job began, so without their start; and how many
    ///   statements it took to see.
    private static func watch(
        _ workers: [LocalServerProcess], _ round: Round, count: Int
    ) async throws -> (seconds: Double, looks: Int) {
        let deadline = ContinuousClock.now + .seconds(1800)
        let endsByItself = workers.count == 1 && round.contestant.endsByItself
        var looks = 0
        while try await !ask(round.contestant.hasBegun, round) {
            looks += 1
            try await expectTime(deadline, round)
            try await Task.sleep(for: .milliseconds(10))
        }
        let start = times(workers)
        var latest = start
        while ContinuousClock.now < deadline {
            // Often, since the time of a process is gone with it; and without a statement, where the process says by
            // its end that all is done.
            for _ in 0..<25 {
                latest = max(latest, times(workers))
                try await Task.sleep(for: .milliseconds(20))
                if await !workers[0].isRunning { break }
            }
            if await !workers[0].isRunning { break }
            guard !endsByItself else { continue }
            looks += 1
            let row = try await round.pool.query(PostgresQuery(unescaped: round.contestant.progress)).first
            if let (done, _) = try row?.decode((Int.self, Double?.self)), done >= count { break }
        }
        try await expectTime(deadline, round)
        return (max(0, latest - start), looks)
    }

    private static func expectTime(_ deadline: ContinuousClock.Instant, _ round: Round) async throws {
        guard ContinuousClock.now < deadline else {
            throw BenchError("\(round.contestant.title) took too long; read the logs in \(round.scene.folder).")
        }
    }

    private static func times(_ workers: [LocalServerProcess]) -> Double {
        workers.reduce(0) { $0 + ProcessTimes.seconds(ofTree: $1.processIdentifier) }
    }

    private static func ask(_ sql: String, _ round: Round) async throws -> Bool {
        try await round.pool.query(PostgresQuery(unescaped: sql)).first?.decode(at: 0, as: Bool.self) ?? false
    }
}
