package import FoundationEssentials
package import Jobs
package import Postgres

/// The batches handed to Canvas. A batch's row is written before its request leaves, so that after a crash somebody
/// knows what may have arrived there.
package struct ImportStore: Sendable {
    let database: any PostgresQuerying

    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// What is known of a batch.
    package struct Batch: Sendable, Hashable {
        /// From 1; a step that is run again after its import ended begins another.
        package let number: Int
        /// Unique over all batches ever; part of the names of the files that Canvas is sent.
        package let fileName: String
        package let sha256: [UInt8]
        /// When a request was last about to leave.
        package let intendedAt: Date
        /// How many requests may have left.
        package let submissions: Int
        /// Canvas's id of the import, once known.
        package let canvasID: String?
        /// Canvas has ended its import, and the step took note of it.
        package let isEnded: Bool
    }

    /// The batch's row, if a request may ever have left for it. Served by the primary key.
    package func batch(_ batch: Int, of step: StepID) async throws -> Batch? {
        try await batches(step, "AND batch = \(Int16(batch))").first
    }

    /// The step's last batch, if a request may ever have left for it. Served by the primary key.
    package func latest(of step: StepID) async throws -> Batch? {
        try await batches(step, "ORDER BY batch DESC LIMIT 1").first
    }

    private func batches(_ step: StepID, _ which: PostgresQuery) async throws -> [Batch] {
        let rows = try await database.query(
            """
            SELECT batch::int, file_name, sha256, intended_at, submissions::int, canvas_id, ended_at IS NOT NULL
            FROM sis_import WHERE job_id = \(step.job.uuid) AND ordinal = \(step.ordinal) \(which)
            """)
        return try rows.map { row in
            let (number, name, sha256, intendedAt, submissions, canvasID, isEnded) = try row.decode(
                (Int.self, String.self, [UInt8].self, Date.self, Int.self, String?.self, Bool.self))
            return Batch(
                number: number, fileName: name, sha256: sha256, intendedAt: intendedAt, submissions: submissions,
                canvasID: canvasID, isEnded: isEnded)
        }
    }

    /// Writes down that a request is about to leave.
    ///
    /// - Returns: false if the lease is lost or somebody cancels the job; then nothing may be sent.
    package func intend(_ batch: Int, lease: StepLease, fileName: String, sha256: [UInt8]) async throws -> Bool {
        try await database.execute(
            """
            INSERT INTO sis_import (job_id, ordinal, batch, file_name, sha256, intended_at, submissions)
            SELECT job_id, ordinal, \(Int16(batch)), \(fileName), \(Hexadecimal.bytea(sha256))::bytea, clock_timestamp(), 1
            FROM step WHERE job_id = \(lease.step.job.uuid) AND ordinal = \(lease.step.ordinal)
                AND fencing_token = \(lease.token) AND state = 'running' AND cancel_requested_at IS NULL
            FOR SHARE
            ON CONFLICT (job_id, ordinal, batch) DO UPDATE SET intended_at = clock_timestamp(),
                submissions = sis_import.submissions + 1
            """) == 1
    }

    /// Takes an intent back: Canvas has surely not taken the request. Under a lost lease it stays, which only makes the
    /// next attempt look for an import that is not there.
    package func refused(_ batch: Int, lease: StepLease) async throws {
        try await database.execute(
            """
            UPDATE sis_import SET submissions = submissions - 1 FROM step
            WHERE sis_import.job_id = \(lease.step.job.uuid) AND sis_import.ordinal = \(lease.step.ordinal)
                AND sis_import.batch = \(Int16(batch)) AND canvas_id IS NULL AND submissions > 0
                AND step.job_id = sis_import.job_id AND step.ordinal = sis_import.ordinal
                AND step.fencing_token = \(lease.token) AND step.state = 'running'
            """)
    }

    /// Writes down the import that Canvas made of the batch, and when it is polled first: at once if somebody cancels
    /// the job meanwhile.
    ///
    /// - Returns: false if the lease is lost.
    package func submitted(
        _ batch: Int, lease: StepLease, canvasID: String, adopted: Bool, workflowState: String, nextPollAt: Date
    ) async throws -> Bool {
        try await database.execute(
            """
            UPDATE sis_import SET canvas_id = \(canvasID), adopted = \(adopted), workflow_state = \(workflowState),
                submitted_at = coalesce(submitted_at, clock_timestamp()),
                next_poll_at = CASE WHEN step.cancel_requested_at IS NULL THEN \(nextPollAt)::timestamptz
                    ELSE clock_timestamp() END
            FROM step
            WHERE sis_import.job_id = \(lease.step.job.uuid) AND sis_import.ordinal = \(lease.step.ordinal)
                AND sis_import.batch = \(Int16(batch)) AND step.job_id = sis_import.job_id
                AND step.ordinal = sis_import.ordinal AND step.fencing_token = \(lease.token) AND step.state = 'running'
            """) == 1
    }

    /// Those of these Canvas imports that belong to a batch of ours at the same Canvas.
    package func known(_ canvasIDs: [String], address: String) async throws -> Set<String> {
        let rows = try await database.query(
            """
            SELECT DISTINCT s.canvas_id FROM sis_import s JOIN job ON job.id = s.job_id
            WHERE s.canvas_id = ANY (\(canvasIDs)::text[]) AND job.settings #>> '{canvas,address}' = \(address)
            """)
        return Set(try rows.map { try $0.decode("canvas_id", as: String.self) })
    }
}
