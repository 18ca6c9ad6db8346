import FoundationEssentials
package import Jobs
package import Postgres

/// The doorbells still to be rung.
package struct OutboxStore: Sendable {
    /// Postgres notifies this channel when a row has been added; the notice is a hint, and the relay polls as well.
    package static let channel = "rosterline_outbox"

    private let database: any PostgresQuerying

    /// - Parameter database: a transaction that stays open until the broker has confirmed.
    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// One doorbell.
    package struct Entry: Sendable {
        package let id: Int64
        package let message: StepMessage
    }

    /// Takes doorbells that are due, oldest first, and locks them for this transaction; rows that another relay has
    /// locked are passed over. Served by the index `outbox_due`.
    package func takeDue(limit: Int) async throws -> [Entry] {
        let rows = try await database.query(
            """
            SELECT id, job_id, ordinal, kind FROM outbox WHERE due_at <= clock_timestamp()
            ORDER BY due_at, id LIMIT \(limit) FOR UPDATE SKIP LOCKED
            """)
        return try rows.map { row in
            let (id, job, ordinal, kind) = try row.decode((Int64.self, UUID.self, Int16.self, String.self))
            return Entry(
                id: id,
                message: StepMessage(
                    job: JobID(job), ordinal: ordinal,
                    kind: try StorageError.known(StepKind(rawValue: kind), word: kind, column: "outbox.kind")))
        }
    }

    /// Puts doorbells off that the broker does not take, so that they do not stand before those that it would.
    package func putOff(_ ids: [Int64], by pause: Duration) async throws {
        try await database.execute(
            """
            UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => \(pause / .seconds(1)))
            WHERE id = ANY (\(ids)::bigint[])
            """)
    }

    /// Removes doorbells that the broker has confirmed.
    package func remove(_ ids: [Int64]) async throws {
        try await database.execute("DELETE FROM outbox WHERE id = ANY (\(ids)::bigint[])")
    }
}
