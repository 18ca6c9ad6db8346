import FoundationEssentials
import Jobs
package import Postgres

/// The audit: who did what to which job, schedule or setting. Rows are added and never changed; each carries a hash over
/// itself and the one before it.
package struct AuditStore: Sendable {
    /// Rows that one statement reads.
    private static let batch = 1000

    private let database: any PostgresQuerying

    /// - Parameter database: the transaction that does what is written down, so that neither stands without the other.
    package init(_ database: any PostgresQuerying) {
        self.database = database
    }

    /// Adds an entry. Call it last in a transaction: from here to its end, nobody else can add one.
    package func append(_ entry: AuditEntry) async throws {
        try await append([entry])
    }

    /// Adds entries in their order, in one statement.
    package func append(_ entries: [AuditEntry]) async throws {
        guard !entries.isEmpty else { return }
        try await database.execute(
            """
            INSERT INTO audit (actor, action, subject, before, after, reason)
            SELECT e.actor, e.action, e.subject, e.before::jsonb, e.after::jsonb, e.reason
            FROM unnest(\(entries.map(\.actor))::text[], \(entries.map(\.action.rawValue))::text[],
                \(entries.map(\.subject))::text[], \(try entries.map { try Self.json($0.before) })::text[],
                \(try entries.map { try Self.json($0.after) })::text[], \(entries.map(\.reason))::text[])
                WITH ORDINALITY AS e (actor, action, subject, before, after, reason, position)
            ORDER BY e.position
            """)
    }

    private static func json(_ value: (any Encodable & Sendable)?) throws -> String? {
        guard let value else { return nil }
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// Rows, the latest first. Served by the primary key, with a subject by `audit_subject`.
    ///
    /// - Parameters:
    ///   - before: the last number of the page before; nil = from the latest.
    ///   - limit: rows, 1 to `StatusQueries.largestPage`; anything else is brought into that range.
    package func rows(_ filter: AuditFilter = AuditFilter(), before: Int64? = nil, limit: Int = 50) async throws
        -> PageView<AuditRow>
    {
        let limit = min(max(limit, 1), StatusQueries.largestPage)
        var conditions: PostgresQuery = "true"
        if let before { conditions.append(" AND seq < \(before)") }
        conditions.append(Self.conditions(filter))
        let rows = try await database.query(
            "\(Self.columns) WHERE \(conditions) ORDER BY seq DESC LIMIT \(limit + 1)")
        return PageView(rows: try rows.map(Self.row), limit: limit)
    }

    /// Rows in the order in which they were written, a batch at a time; empty after the last. Served by the primary key.
    package func batch(_ filter: AuditFilter = AuditFilter(), after: Int64) async throws -> [AuditRow] {
        try await database.query(
            """
            \(Self.columns) WHERE seq > \(after)\(Self.conditions(filter)) ORDER BY seq LIMIT \(Self.batch)
            """
        ).map(Self.row)
    }

    private static func conditions(_ filter: AuditFilter) -> PostgresQuery {
        var conditions: PostgresQuery = ""
        if let actor = filter.actor { conditions.append(" AND actor = \(actor)") }
        if let action = filter.action { conditions.append(" AND action = \(action.rawValue)") }
        if let subject = filter.subject { conditions.append(" AND subject = \(subject)") }
        return conditions
    }

    private static let columns: PostgresQuery = """
        SELECT seq, at, actor, action, subject, before::text AS before, after::text AS after, reason,
            encode(hash, 'hex') AS hash FROM audit
        """

    private static func row(_ row: PostgresRow) throws -> AuditRow {
        AuditRow(
            seq: try row.decode("seq"), at: try row.decode("at"), actor: try row.decode("actor"),
            action: try row.decode("action"), subject: try row.decode("subject"), before: try row.decode("before"),
            after: try row.decode("after"), reason: try row.decode("reason"), hash: try row.decode("hash"))
    }

    /// The last row; nil while there is none.
    package func head() async throws -> AuditHead? {
        try await database.query("SELECT seq, encode(hash, 'hex') AS hash FROM audit ORDER BY seq DESC LIMIT 1")
            .first.map { AuditHead(seq: try $0.decode("seq"), hash: try $0.decode("hash")) }
    }

    /// Looks whether the chain holds, in batches, so that no statement takes long however much there is. Served by the
    /// primary key.
    ///
    /// - Parameters:
    ///   - first: the row to begin with; 1 for all. The hash of the one before it is taken as it stands.
    ///   - anchor: the last row as it was at some time; it must still be there.
    package func verify(from first: Int64 = 1, anchor: AuditHead? = nil) async throws -> AuditVerdict {
        var head: AuditHead?
        var checked: Int64 = 0
        if first > 1 {
            guard let before = try await batch(after: first - 2).first, before.seq == first - 1 else {
                return AuditVerdict(checked: 0, head: nil, broken: .init(seq: first - 1, fault: .missing))
            }
            head = AuditHead(seq: before.seq, hash: before.hash)
        }
        while let next = try await link(after: head) {
            checked += next.count
            if next.head.seq > 0 { head = next.head }
            if let broken = next.broken { return AuditVerdict(checked: checked, head: head, broken: broken) }
        }
        if let anchor, let broken = try await fault(in: anchor, head: head) {
            return AuditVerdict(checked: checked, head: head, broken: broken)
        }
        return AuditVerdict(checked: checked, head: head, broken: nil)
    }

    private func fault(in anchor: AuditHead, head: AuditHead?) async throws -> AuditVerdict.Break? {
        guard anchor.seq <= head?.seq ?? 0 else { return .init(seq: (head?.seq ?? 0) + 1, fault: .missing) }
        let row = try await batch(after: anchor.seq - 1).first
        return row?.seq == anchor.seq && row?.hash == anchor.hash ? nil : .init(seq: anchor.seq, fault: .changed)
    }

    private struct Link {
        /// Rows that fit.
        let count: Int64
        let head: AuditHead
        let broken: AuditVerdict.Break?
    }

    /// The next batch of the chain; nil after the last.
    private func link(after head: AuditHead?) async throws -> Link? {
        let seq = head?.seq ?? 0
        let rows = try await database.query(
            """
            WITH batch AS (
                SELECT * FROM audit WHERE seq > \(seq) ORDER BY seq LIMIT \(Self.batch)
            ), compared AS (
                SELECT seq, hash, seq = coalesce(lag(seq) OVER w, \(seq)) + 1 AS follows,
                    coalesce(lag(seq) OVER w, \(seq)) AS earlier,
                    hash = audit_hash(coalesce(lag(hash) OVER w, decode(\(head?.hash ?? ""), 'hex')), seq, at, actor,
                        action, subject, before, after, reason) AS fits
                FROM batch WINDOW w AS (ORDER BY seq)
            ), broken AS (
                SELECT seq, earlier, follows FROM compared WHERE NOT (follows AND fits) ORDER BY seq LIMIT 1
            )
            SELECT count(*) FILTER (WHERE b.seq IS NULL OR c.seq < b.seq) AS fitting,
                coalesce(max(c.seq) FILTER (WHERE b.seq IS NULL OR c.seq < b.seq), 0) AS last,
                encode((array_agg(c.hash ORDER BY c.seq DESC) FILTER (WHERE b.seq IS NULL OR c.seq < b.seq))[1], 'hex')
                    AS hash,
                max(CASE WHEN b.follows THEN b.seq ELSE b.earlier + 1 END) AS broken, bool_and(b.follows) AS changed
            FROM compared c LEFT JOIN broken b ON true HAVING count(*) > 0
            """)
        guard let row = rows.first else { return nil }
        var broken: AuditVerdict.Break?
        if let seq = try row.decode("broken", as: Int64?.self) {
            broken = .init(seq: seq, fault: try row.decode("changed") ? .changed : .missing)
        }
        return Link(
            count: try row.decode("fitting"),
            head: AuditHead(seq: try row.decode("last"), hash: try row.decode("hash", as: String?.self) ?? ""),
            broken: broken)
    }
}
