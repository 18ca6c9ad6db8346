package import FoundationEssentials
package import Jobs
import Postgres
package import Schedules

/// What operators do to schedules, each with its line in the audit.
extension OperatorActions {
    /// Begins a job as the schedule would; see `ScheduleOperations.run`. What began nothing leaves no line.
    package func runSchedule(
        _ id: Int64, guarded: ScheduleOperations.Guard, key: JobKey? = nil, by actor: String, reason: String?
    ) async throws -> JobStore.ByHand {
        try await database.withTransaction { transaction in
            let before = try await Self.pause(of: id, at: Date(), in: transaction)
            let run = try await ScheduleOperations(transaction).run(id, guarded: guarded, key: key, by: actor)
            if let (job, other) = run.begun {
                try await AuditStore(transaction).append(Self.replacement(run, by: actor))
                try await Self.write(
                    .scheduleRunNow, id, by: actor, reason: reason, before: before,
                    after: [
                        "job": job.description, "after": other?.description, "guard": guarded.rawValue,
                        "key": key?.text,
                    ], in: transaction)
            }
            return run
        }
    }

    /// See `ScheduleOperations.pause`.
    package func pauseSchedule(
        _ id: Int64, until: Date?, by actor: String, reason: String, now: Date = Date()
    ) async throws {
        try await database.withTransaction { transaction in
            let before = try await Self.pause(of: id, at: now, in: transaction)
            try await ScheduleOperations(transaction).pause(id, until: until, reason: reason, by: actor, now: now)
            try await Self.write(
                .schedulePause, id, by: actor, reason: reason, before: before,
                after: ["paused": "true", "until": until.map { $0.ISO8601Format() }], in: transaction)
        }
    }

    /// Ends a pause.
    ///
    /// - Returns: false if there was none; then nothing is written.
    package func resumeSchedule(
        _ id: Int64, by actor: String, reason: String?, now: Date = Date()
    ) async throws -> Bool {
        try await database.withTransaction { transaction in
            let before = try await Self.pause(of: id, at: now, in: transaction)
            let wasPaused = try await ScheduleOperations(transaction).resume(id, now: now)
            if wasPaused {
                try await Self.write(
                    .scheduleResume, id, by: actor, reason: reason, before: before, after: ["paused": "false"],
                    in: transaction)
            }
            return wasPaused
        }
    }

    /// What a backfill would begin; see `ScheduleOperations.backfillPlan`.
    package func backfillPlan(
        of id: Int64, from first: CivilDate, through last: CivilDate, now: Date = Date()
    ) async throws -> [PlannedOccurrence] {
        try await database.withTransaction { transaction in
            try await ScheduleOperations(transaction).backfillPlan(of: id, from: first, through: last, now: now)
        }
    }

    /// Begins what the plan holds; see `ScheduleOperations.backfill`.
    package func backfillSchedule(
        _ id: Int64, from first: CivilDate, through last: CivilDate, expected: Int?, by actor: String, reason: String?,
        now: Date = Date()
    ) async throws -> [JobID] {
        try await database.withTransaction { transaction in
            let before = try await Self.pause(of: id, at: now, in: transaction)
            let jobs = try await ScheduleOperations(transaction).backfill(
                id, from: first, through: last, expected: expected, by: actor, now: now)
            if !jobs.isEmpty {
                try await Self.write(
                    .scheduleBackfill, id, by: actor, reason: reason, before: before,
                    after: [
                        "from": first.description, "to": last.description, "jobs": String(jobs.count),
                        "first": jobs.first?.description, "last": jobs.last?.description,
                    ], in: transaction)
            }
            return jobs
        }
    }

    /// The zone on whose clock people mean its times; UTC if it cannot be read.
    package func timeZone(ofSchedule id: Int64) async throws -> TimeZone {
        let name = try await StatusQueries(database).schedule(id)?.definition.timeZone
        return name.flatMap { TimeZone(identifier: $0) } ?? .gmt
    }

    /// Locks a schedule and reads whether it is paused: what a pause or its end changes, and what a run or a backfill
    /// goes past. Served by the primary key.
    private static func pause(
        of id: Int64, at now: Date, in transaction: PostgresTransaction
    ) async throws -> [String: String?] {
        try await transaction.execute("SELECT FROM schedule WHERE id = \(id) FOR UPDATE")
        let pause = try await StatusQueries(transaction).schedule(id)?.pause
        guard let pause, pause.covers(now) else { return ["paused": "false"] }
        return ["paused": "true", "until": pause.until?.ISO8601Format()]
    }

    private static func write(
        _ action: AuditAction, _ id: Int64, by actor: String, reason: String?, before: [String: String?],
        after: [String: String?], in transaction: PostgresTransaction
    ) async throws {
        let name = try await StatusQueries(transaction).schedule(id)?.name ?? String(id)
        try await AuditStore(transaction).append(
            AuditEntry(
                actor: actor, action: action, subject: "schedule \(name)", before: before.compactMapValues(\.self),
                after: after.compactMapValues(\.self), reason: reason))
    }
}
