import FoundationEssentials
import Jobs
import Postgres
import Schedules

/// What the operations on one schedule read and write.
extension ScheduleStore {
    /// Replaces the pause. Served by the primary key.
    func set(_ pause: SchedulePause, of schedule: Int64) async throws {
        try await database.execute(
            """
            UPDATE schedule SET pause_from = \(pause.from), pause_until = \(pause.until), pause_reason = \(pause.reason),
                pause_by = \(pause.by) WHERE id = \(schedule)
            """)
    }

    /// Which of these occurrences have begun a job. Served by the primary key.
    func started(_ schedule: Int64, among occurrences: [PlannedOccurrence]) async throws -> Set<OccurrenceKey> {
        guard let first = occurrences.first?.date, let last = occurrences.last?.date else { return [] }
        let rows = try await database.query(
            """
            SELECT local_date::text AS day, slot::text AS slot, fold FROM occurrence
            WHERE schedule_id = \(schedule) AND job_id IS NOT NULL
                AND local_date BETWEEN \(first.description)::date AND \(last.description)::date
            """)
        var keys: Set<OccurrenceKey> = []
        for row in rows {
            let (day, slot, fold) = try row.decode((String.self, String.self, Int16.self))
            if let date = CivilDate(day) { keys.insert(OccurrenceKey(date: date, slot: slot, fold: Int(fold))) }
        }
        return keys
    }

    /// Locks an integration and reads its unfinished jobs of a kind, in the order in which they began. Served by the
    /// primary key and by `job_integration`.
    func unfinished(in lane: Lane) async throws -> [FiringPolicy.UnfinishedJob] {
        let rows = try await database.pipeline([
            "SELECT id FROM integration WHERE id = \(lane.integration) FOR NO KEY UPDATE",
            """
            SELECT id, created_at FROM job
            WHERE state IN ('in_progress', 'held') AND integration_id = \(lane.integration) AND kind = \(lane.kind.rawValue) ORDER BY id
            """,
        ])
        return try rows[1].map { row in
            let (id, began) = try row.decode((UUID.self, Date.self))
            return FiringPolicy.UnfinishedJob(id: JobID(id), began: began)
        }
    }
}
