import FoundationEssentials
import Jobs
import Logging
import Postgres
import Storage

extension ChaosTrial {
    /// Stores an institution without a limit of concurrent steps, with one integration that does this work.
    func addIntegration(_ slug: String = "school", work: ToyWork) async throws -> Int64 {
        try await addIntegration(
            slug,
            settings: IntegrationSettings(
                source: .init(location: work.location),
                canvas: .init(address: "http://127.0.0.1:1", token: "env:NOBODY_READS_THIS")))
    }

    func addIntegration(_ slug: String, settings: IntegrationSettings) async throws -> Int64 {
        let store = IntegrationStore(pool)
        let institution = try await store.put(institution: slug, name: slug)
        try await pool.execute("UPDATE institution SET concurrent_steps = NULL WHERE id = \(institution)")
        return try await store.put(integration: "toy", name: slug, institution: institution, settings: settings)
    }

    /// Begins jobs, in batches of 500.
    ///
    /// - Parameter steps: of each job; one unless it says otherwise.
    @discardableResult
    func begin(_ count: Int, _ integration: Int64, steps: [StepKind] = [.extract]) async throws -> [JobID] {
        let jobs = drawJobs(count)
        remember(jobs)
        for start in stride(from: 0, to: count, by: 500) {
            let requests = jobs[start..<min(start + 500, count)].map { job in
                JobRequest(.rosterSync, integration: integration, postedBy: "chaos", id: job, steps: steps)
            }
            try await begin(requests)
        }
        return jobs
    }

    /// Begins jobs under ids that are remembered already; if it is not known whether they began, it is tried again.
    func begin(_ requests: [JobRequest]) async throws {
        try await patiently {
            let known = try await count(
                "SELECT count(*)::int FROM job WHERE id = ANY(\(requests.map(\.id.uuid))::uuid[])")
            // All begin in one statement, so either all are there or none.
            if known == 0 { try await JobStore(pool).begin(requests) }
        }
    }

    /// One number.
    func count(_ query: PostgresQuery) async throws -> Int {
        try await pool.query(query).first?.decode(at: 0, as: Int.self) ?? 0
    }

    /// Tries until it works: what we do ourselves suffers under the faults too.
    func patiently<Result: Sendable>(
        within limit: Duration = .seconds(120), _ body: () async throws -> Result
    ) async throws -> Result {
        let deadline = ContinuousClock.now + limit
        while true {
            do {
                return try await body()
            } catch let error as PostgresError where ContinuousClock.now < deadline && !Task.isCancelled {
                stage.logger.debug("Tried again", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// Waits until a condition holds.
    ///
    /// - Parameter limit: of the long form. The short one runs beside other tests, on machines whose host may keep most
    ///   of the processors for others, and is not judged by time: there three minutes at least.
    /// - Returns: how long it took; nil, with a complaint, if it did not within the limit.
    @discardableResult
    func wait(
        _ what: String, within limit: Duration, _ condition: () async throws -> Bool
    ) async throws -> Duration? {
        let begin = ContinuousClock.now
        let limit = size == .long ? limit : max(limit, .seconds(180))
        while ContinuousClock.now - begin < limit {
            if let holds = try? await condition(), holds { return ContinuousClock.now - begin }
            // There is nobody who could tell: the condition lies in other processes.
            try await Task.sleep(for: .milliseconds(50))
        }
        expect(false, "it did not happen within \(limit): \(what)")
        return nil
    }

    /// Waits until no job is under way.
    ///
    /// - Parameter limit: for each tenth of those that are left. A job that is lost never ends; how soon a machine gets
    ///   through all of them says nothing about that.
    func waitForEnd(within limit: Duration) async throws {
        var left = Int.max
        while left > 0 {
            let goal = left - max(left / 10, 1)
            let time = try await wait("jobs go on ending", within: limit) {
                left = try await unfinished()
                return left <= goal
            }
            if time == nil { return }
        }
    }

    /// Jobs under way.
    func unfinished() async throws -> Int {
        try await count("SELECT count(*)::int FROM job WHERE finished_at IS NULL")
    }

    /// Hurts the cluster again and again until all jobs have ended.
    ///
    /// - Parameters:
    ///   - interval: the mean; each time half of it to one and a half. In step with the lease, whoever takes up what a
    ///     fault left behind would meet the next one, which is poison after three.
    ///   - fault: it is given its number, from 0; one that has begun is carried through.
    func hurt(
        every interval: Duration, within limit: Duration, _ fault: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let hasEnded = ChaosFlag()
            group.addTask {
                var number = 0
                while !hasEnded.isSet {
                    do {
                        try await Task.sleep(for: interval * self.random(50..<151) / 100)
                    } catch {
                        return
                    }
                    if hasEnded.isSet { return }
                    try await fault(number)
                    number += 1
                }
            }
            try await waitForEnd(within: limit)
            hasEnded.set()
            try await group.waitForAll()
        }
    }
}
