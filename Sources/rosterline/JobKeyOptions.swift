import ArgumentParser
import Jobs
import Storage

/// What commands that begin a job by hand share: what to do beside other jobs.
struct JobKeyOptions: ParsableArguments {
    @Option(help: "A name that only one job may hold at a time, in the whole cluster; 1 to 200 characters.")
    var key: String?

    @Option(
        help: ArgumentHelp(
            """
            How long the job holds its key: waiting (until its first step is taken), unfinished (until it has ended), or \
            window=30m (so long from its begin; s, m, h or d). Default: unfinished.
            """, valueName: "scope"))
    var keyScope: String?

    @Option(
        help: ArgumentHelp(
            """
            If another job holds the key: keep (it is as good; exit 0), replace (cancel it, and begin when it has ended), or \
            reject (exit 1). Default: reject.
            """, valueName: "verb"))
    var onConflict: String?

    func validate() throws {
        _ = try jobKey()
        if key == nil, keyScope != nil || onConflict != nil {
            throw ValidationError("--key-scope and --on-conflict say something about a --key.")
        }
    }

    /// - Throws: `ValidationError` that says what is allowed.
    func jobKey() throws -> JobKey? {
        guard let key else { return nil }
        do {
            return try JobKey(reading: key, scope: keyScope, conflict: onConflict)
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// Says what became of the order.
    ///
    /// - Returns: the job that stands: the new one, or the one that holds the key and is as good.
    /// - Throws: `StorageError` with `.refused` if there is none.
    func tell(_ outcome: JobStore.ByHand) throws -> JobID {
        switch outcome {
        case .begun(let job, let other):
            print("Job \(job)")
            if let other { print("It begins when job \(other) has ended.") }
            return job
        case .replaced(let job, let old):
            print("Job \(job)")
            print("It replaces job \(old), which held the key '\(key ?? "")', and begins when that has ended.")
            return job
        case .kept(let winner):
            print("Job \(winner)")
            print("It holds the key '\(key ?? "")' and is as good; nothing new was begun.")
            return winner
        case .rejected(let winner):
            throw StorageError(
                .refused,
                "Nothing was begun: job \(winner) holds the key '\(key ?? "")'. Say --on-conflict keep or replace if that is meant."
            )
        case .refused(let others):
            throw StorageError(
                .refused,
                "Nothing was begun: job \(others.last?.description ?? "") has not ended. Wait for it, or say --after, or --anyway."
            )
        }
    }
}
