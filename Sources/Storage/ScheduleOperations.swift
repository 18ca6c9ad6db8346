package import FoundationEssentials
package import Jobs
package import Postgres
package import Schedules

/// What an operator does to a schedule: run it now, pause it, resume it, backfill a range of dates.
///
/// Each locks the schedule first, so that no scheduler decides about it meanwhile.
package struct ScheduleOperations: Sendable {
    private let store: ScheduleStore
    private let jobs: JobStore
    private let transaction: PostgresTransaction

    /// - Parameter transaction: each operation is all or nothing in it.
    package init(_ transaction: PostgresTransaction) {
        self.transaction = transaction
        store = ScheduleStore(transaction)
        jobs = JobStore(transaction)
    }

    /// What to do if a job of the same integration and kind has not ended.
    package enum Guard: String, Sendable, CaseIterable {
        /// Begin nothing, and say which job it is.
        case refuse
        /// Begin when it has ended.
        case after
        /// Begin all the same.
        case anyway
    }

    /// Begins a job as the schedule would, at once; a pause and a blackout do not hold it back.
    ///
    /// - Parameters:
    ///   - key: what only one job may hold at a time; nil for none.
    ///   - person: who asked for it, as people will read it.
    /// - Throws: `StorageError` with `.notFound`.
    package func run(
        _ id: Int64, guarded: Guard, key: JobKey? = nil, by person: String
    ) async throws -> JobStore.ByHand {
        let schedule = try await take(id)
        return try await JobStore.begin(
            byHand: JobRequest(
                schedule.kind, integration: schedule.integration, postedBy: "\(person), schedule \(schedule.slug)",
                key: key),
            guarded: guarded, in: transaction)
    }

    /// Pauses a schedule from now on; its occurrences are written down as paused.
    ///
    /// - Parameter until: when it goes on by itself; nil = when somebody resumes it.
    /// - Throws: `ScheduleError` if that has passed.
    package func pause(_ id: Int64, until: Date?, reason: String, by person: String, now: Date) async throws {
        if let until, until <= now {
            throw ScheduleError("A pause must end later than now. Leave the end out to pause until it is resumed.")
        }
        let schedule = try await take(id)
        // What is due and not decided yet belongs to the time before, unless a pause covered it already.
        let isPaused = schedule.pause?.covers(now) ?? false
        try await store.set(
            SchedulePause(from: isPaused ? schedule.pause?.from ?? now : now, until: until, reason: reason, by: person),
            of: id)
    }

    /// Ends a pause.
    ///
    /// - Returns: false if there was none.
    package func resume(_ id: Int64, now: Date) async throws -> Bool {
        let schedule = try await take(id)
        guard let pause = schedule.pause, pause.covers(now) else { return false }
        try await store.set(SchedulePause(from: pause.from, until: now, reason: pause.reason, by: pause.by), of: id)
        return true
    }

    /// How many occurrences one backfill may begin.
    package static let backfillLimit = 366

    /// The occurrences of a range of local dates that never began a job, in order.
    ///
    /// Those that a scheduler has still to decide are left to it. Rows that retention has removed count as never begun.
    /// - Throws: `ScheduleError` if the range is empty or holds more than `backfillLimit`.
    package func backfillPlan(
        of id: Int64, from first: CivilDate, through last: CivilDate, now: Date
    ) async throws -> [PlannedOccurrence] {
        let schedule = try await take(id)
        return try await plan(schedule, from: first, through: last, now: now)
    }

    /// Begins a job for each occurrence of the plan, each after the one before, and the first after whatever runs.
    ///
    /// - Parameter expected: the count that the person has seen; nil = whatever it is.
    /// - Throws: `ScheduleError` if the count has changed meanwhile.
    package func backfill(
        _ id: Int64, from first: CivilDate, through last: CivilDate, expected: Int?, by person: String, now: Date
    ) async throws -> [JobID] {
        let schedule = try await take(id)
        let occurrences = try await plan(schedule, from: first, through: last, now: now)
        if let expected, expected != occurrences.count {
            throw ScheduleError(
                "There are \(occurrences.count) occurrences to begin now, not \(expected). Look at the plan again.")
        }
        var after = try await unfinished(beside: schedule).last?.id
        var requests: [JobRequest] = []
        for occurrence in occurrences {
            let request = JobRequest(
                schedule.kind, integration: schedule.integration,
                postedBy: "\(person), backfill of \(occurrence.date) by schedule \(schedule.slug)",
                priority: .backfill, afterJob: after)
            after = request.id
            requests.append(request)
        }
        try await jobs.begin(requests)
        try await store.record(
            zip(occurrences, requests).map { occurrence, request in
                .init(
                    schedule: id, occurrence: occurrence, outcome: .backfilled, reason: "Begun later by \(person).",
                    job: request.id)
            }, replacing: true)
        return requests.map(\.id)
    }

    private func plan(
        _ schedule: ScheduleStore.Stored, from first: CivilDate, through last: CivilDate, now: Date
    ) async throws -> [PlannedOccurrence] {
        guard first <= last else { throw ScheduleError("The range ends before it begins: \(first) to \(last).") }
        let rules = try schedule.definition.rules()
        let day = 86_400.0
        let begin = Date(timeIntervalSince1970: Double(first.dayNumber) * day - 2 * day)
        let latest = Date(timeIntervalSince1970: Double(last.dayNumber) * day + 3 * day)
        let end = min(latest, schedule.nextPlanned ?? now, now)
        // Those of the days around the range and those that began a job count too, which keeps the search bounded.
        let found = rules.calculator.occurrences(after: begin, through: end, limit: Self.backfillLimit * 20)
            .filter { $0.date >= first && $0.date <= last && $0.instant < schedule.nextPlanned ?? .distantFuture }
        let started = try await store.started(schedule.id, among: found)
        let open = found.filter { !started.contains($0.key) }
        guard open.count <= Self.backfillLimit else {
            throw ScheduleError(
                "\(open.count) occurrences of \(first) to \(last) never began; "
                    + "\(Self.backfillLimit) may be begun at once. Take a shorter range.")
        }
        return open
    }

    private func take(_ id: Int64) async throws -> ScheduleStore.Stored {
        guard let schedule = try await store.take(id) else {
            throw StorageError(.notFound, "There is no schedule \(id).")
        }
        return schedule
    }

    /// With the integration locked, so that nobody else begins a job of it by what was seen here.
    private func unfinished(beside schedule: ScheduleStore.Stored) async throws -> [FiringPolicy.UnfinishedJob] {
        try await store.unfinished(
            in: ScheduleStore.Lane(integration: schedule.integration, kind: schedule.kind))
    }
}
