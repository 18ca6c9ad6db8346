import Jobs
import Postgres

/// What may happen while a new version is rolled out.
enum VersionFaults {
    /// Steps of a new message version, beside workers that read the old one alone.
    static let mixed = Scenario(13, "old and new workers, new message version") { trial in
        let isLong = trial.size == .long
        let integration = try await trial.addIntegration(work: ToyWork(10...60))
        try await trial.startScheduler()
        try await trial.startWorker("old", slots: 4, lease: trial.pace.safeLease)
        let count = isLong ? 1_000 : 40
        try await trial.begin(count, integration)
        let new = trial.drawJobs(count)
        trial.remember(new)
        try await trial.begin(
            new.map { job in
                JobRequest(
                    .rosterSync, integration: integration, postedBy: "chaos", id: job, steps: [.extract], version: 2)
            })
        trial.countFault()
        try await trial.wait("the old worker has done what is old", within: .seconds(60)) {
            try await trial.unfinished() == count
        }
        let touched = try await trial.count("SELECT count(*)::int FROM step WHERE version = 2 AND fencing_token > 0")
        trial.expect(touched == 0, "\(touched) new steps were claimed before there was a worker for them")
        try await trial.startWorker("new", slots: 4, lease: trial.pace.safeLease, versions: "1,2")
        try await trial.begin(count, integration)
        try await trial.waitForEnd(within: .seconds(60))
        let wrong = try await trial.count(
            """
            SELECT count(*)::int FROM history h JOIN step s ON s.job_id = h.job_id AND s.ordinal = h.ordinal
            WHERE h.what = 'claim' AND h.owner = 'old' AND s.version = 2
            """)
        trial.expect(wrong == 0, "the old worker claimed \(wrong) steps that it cannot read")
        let failures = try await trial.count("SELECT coalesce(sum(failures + rescues), 0)::int FROM step")
        trial.expect(failures == 0, "\(failures) failures or rescues were counted")
    }
}
