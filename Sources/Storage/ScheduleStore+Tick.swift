import FoundationEssentials
package import Jobs
import Postgres
package import Schedules

/// What a tick reads and writes about many schedules at once.
extension ScheduleStore {
    /// An integration and a kind of job: what overlaps are about.
    package struct Lane: Sendable, Hashable {
        package let integration: Int64
        package let kind: JobKind

        package init(integration: Int64, kind: JobKind) {
            self.integration = integration
            self.kind = kind
        }
    }

    /// What bears on the decision about many schedules.
    package struct Circumstances: Sendable {
        /// In the order in which they began.
        package var unfinished: [Lane: [FiringPolicy.UnfinishedJob]] = [:]
        /// By schedule; missing = none.
        package var failures: [Int64: Int] = [:]
        /// By schedule; missing = none.
        package var recorded: [Int64: Set<OccurrenceKey>] = [:]
    }

    /// Reads the circumstances in one round trip, after the integrations have been locked: two schedulers that each
    /// hold a schedule of one integration decide one after the other.
    ///
    /// The locks are taken in the order of ids, so they cannot wait for one another in a circle. Served by the primary
    /// keys of `integration`, `occurrence` and `job`, by `job_integration` and by `occurrence_started`.
    package func circumstances(
        of schedules: [Stored], due: [Int64: [PlannedOccurrence]]
    ) async throws -> Circumstances {
        let guarded = schedules.filter { $0.definition.overlap != .allow || $0.definition.catchUp.mode == .each }
        let integrations = Set(guarded.map(\.integration)).sorted()
        let counted = schedules.filter { $0.definition.pauseAfterFailures != nil }
        let limits = counted.map { Int32($0.definition.pauseAfterFailures ?? 0) }
        let resumed = counted.map { $0.pause?.until ?? .distantPast }
        let keys = due.flatMap { id, occurrences in occurrences.map { (id, $0) } }
        let rows = try await database.pipeline([
            "SELECT id FROM integration WHERE id = ANY(\(integrations)) ORDER BY id FOR NO KEY UPDATE",
            """
            SELECT integration_id, kind, id, created_at FROM job
            WHERE state IN ('in_progress', 'held') AND integration_id = ANY(\(integrations)) ORDER BY id
            """,
            """
            SELECT s.id, last.count FROM unnest(\(counted.map(\.id)), \(limits), \(resumed)) AS s (id, most, resumed)
            CROSS JOIN LATERAL (
                SELECT CASE WHEN bool_and(j.state = 'failed') THEN count(*) ELSE 0 END AS count FROM (
                    SELECT j.state FROM occurrence o JOIN job j ON j.id = o.job_id
                    WHERE o.schedule_id = s.id AND o.job_id IS NOT NULL AND o.fired_at > s.resumed
                        AND j.finished_at IS NOT NULL
                    ORDER BY o.planned_at DESC LIMIT s.most
                ) j
            ) last WHERE last.count > 0
            """,
            """
            SELECT o.schedule_id, o.local_date::text, o.slot::text, o.fold
            FROM unnest(\(keys.map(\.0)), \(keys.map(\.1.date.description))::date[], \(keys.map(\.1.slot))::time[],
                \(keys.map { Int16($0.1.fold) })) AS k (id, day, slot, fold)
            JOIN occurrence o ON (o.schedule_id, o.local_date, o.slot, o.fold) = (k.id, k.day, k.slot, k.fold)
            """,
        ])
        var found = Circumstances()
        for row in rows[1] {
            let (integration, word, job, began) = try row.decode((Int64.self, String.self, UUID.self, Date.self))
            guard let kind = JobKind(rawValue: word) else { continue }
            found.unfinished[Lane(integration: integration, kind: kind), default: []].append(
                .init(id: JobID(job), began: began))
        }
        for row in rows[2] {
            let (id, count) = try row.decode((Int64.self, Int64.self))
            found.failures[id] = Int(count)
        }
        for row in rows[3] {
            let (id, day, slot, fold) = try row.decode((Int64.self, String.self, String.self, Int16.self))
            guard let date = CivilDate(day) else { continue }
            found.recorded[id, default: []].insert(OccurrenceKey(date: date, slot: slot, fold: Int(fold)))
        }
        return found
    }

    /// An occurrence to be written down.
    package struct Record: Sendable {
        package let schedule: Int64
        package let occurrence: PlannedOccurrence
        package let outcome: OccurrenceOutcome
        package let reason: String?
        package let job: JobID?

        package init(
            schedule: Int64, occurrence: PlannedOccurrence, outcome: OccurrenceOutcome, reason: String?, job: JobID?
        ) {
            self.schedule = schedule
            self.occurrence = occurrence
            self.outcome = outcome
            self.reason = reason
            self.job = job
        }
    }

    /// Writes occurrences down, in one statement.
    ///
    /// - Parameter replacing: rows that started nothing are overwritten, as a backfill does.
    /// - Returns: how many were written; one that was there and stays is not among them.
    @discardableResult
    package func record(_ records: [Record], replacing: Bool = false) async throws -> Int {
        guard !records.isEmpty else { return 0 }
        return try await database.execute(
            """
            INSERT INTO occurrence AS o (schedule_id, local_date, slot, fold, planned_at, outcome, reason, job_id)
            SELECT * FROM unnest(\(records.map(\.schedule)), \(records.map(\.occurrence.date.description))::date[],
                \(records.map(\.occurrence.slot))::time[], \(records.map { Int16($0.occurrence.fold) }),
                \(records.map(\.occurrence.instant)), \(records.map(\.outcome.rawValue)),
                \(records.map(\.reason)), \(records.map { $0.job?.uuid }))
            ON CONFLICT (schedule_id, local_date, slot, fold) DO UPDATE SET outcome = excluded.outcome,
                reason = excluded.reason, job_id = excluded.job_id, fired_at = now()
            WHERE \(replacing) AND o.job_id IS NULL
            """)
    }

    /// What a tick changes about a schedule.
    package struct Advance: Sendable {
        package let schedule: Int64
        package let next: Next
        /// Set where the schedule pauses itself.
        package let pause: SchedulePause?

        package init(schedule: Int64, next: Next, pause: SchedulePause?) {
            self.schedule = schedule
            self.next = next
            self.pause = pause
        }
    }

    /// Sets when schedules are due next, and pauses those that paused themselves, in one statement.
    package func advance(_ advances: [Advance]) async throws {
        try await database.execute(
            """
            UPDATE schedule c SET next_planned_at = a.planned, next_at = a.start,
                pause_from = coalesce(a.pause_from, c.pause_from),
                pause_until = CASE WHEN a.pause_from IS NULL THEN c.pause_until END,
                pause_reason = coalesce(a.reason, c.pause_reason), pause_by = coalesce(a.by, c.pause_by)
            FROM unnest(\(advances.map(\.schedule)), \(advances.map(\.next.planned)), \(advances.map(\.next.start)),
                \(advances.map { $0.pause?.from }), \(advances.map { $0.pause?.reason }), \(advances.map { $0.pause?.by }))
                AS a (id, planned, start, pause_from, reason, by)
            WHERE c.id = a.id
            """)
    }
}
