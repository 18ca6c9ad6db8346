import EngineTestSupport
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct AuditStoreTests {
    private func entry(_ number: Int, reason: String? = "Because.") -> AuditEntry {
        AuditEntry(
            actor: "mara (command line)", action: .jobCancel, subject: "job \(number)",
            before: ["state": "in_progress"],
            after: ["state": "cancelled"], reason: reason)
    }

    /// A database with rows 1 to 5.
    private func withFive(_ body: (EngineDatabase, AuditStore) async throws -> Void) async throws {
        try await EngineDatabase.with { database in
            let store = AuditStore(database.pool)
            try await store.append((1...5).map { entry($0) })
            try await body(database, store)
        }
    }

    /// Changes rows as somebody may who owns the database.
    private func tamper(_ database: EngineDatabase, _ statement: PostgresQuery) async throws {
        try await database.pool.withTransaction { transaction in
            try await transaction.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
            try await transaction.execute(statement)
            try await transaction.execute("ALTER TABLE audit ENABLE ALWAYS TRIGGER refuse_audit_change")
            try await transaction.execute("ALTER TABLE audit ENABLE TRIGGER chain_audit")
        }
    }

    @Test func `entries are numbered without a gap, and shown the latest first`() async throws {
        try await withFive { _, store in
            let page = try await store.rows(limit: 3)
            #expect(page.rows.map(\.seq) == [5, 4, 3] && page.hasMore)
            #expect(page.rows[0].before == #"{"state": "in_progress"}"#)
            #expect(page.rows[0].reason == "Because.")
            #expect(try await store.rows(before: 3).rows.map(\.seq) == [2, 1])
            #expect(try await store.rows(AuditFilter(subject: "job 2")).rows.map(\.seq) == [2])
            #expect(try await store.rows(AuditFilter(action: .pause)).rows.isEmpty)
        }
    }

    @Test func `a chain that nobody touched holds, from the first row and from any other`() async throws {
        try await withFive { _, store in
            let head = try #require(try await store.head())
            #expect(head.seq == 5)
            #expect(try await store.verify() == AuditVerdict(checked: 5, head: head, broken: nil))
            #expect(try await store.verify(from: 4, anchor: head) == AuditVerdict(checked: 2, head: head, broken: nil))
        }
    }

    @Test func `a chain longer than a batch is followed to its end`() async throws {
        try await EngineDatabase.with { database in
            let store = AuditStore(database.pool)
            try await store.append((1...2300).map { entry($0, reason: nil) })
            #expect(try await store.verify().checked == 2300)
            try await tamper(database, "UPDATE audit SET actor = 'nobody' WHERE seq = 1001")
            let verdict = try await store.verify()
            #expect(verdict.broken == .init(seq: 1001, fault: .changed))
            #expect(verdict.checked == 1000 && verdict.head?.seq == 1000)
        }
    }

    @Test(arguments: [
        ("UPDATE audit SET reason = 'Nothing.' WHERE seq = 3", AuditVerdict.Break(seq: 3, fault: .changed)),
        ("UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 1", .init(seq: 1, fault: .changed)),
        ("UPDATE audit SET after = NULL WHERE seq = 5", .init(seq: 5, fault: .changed)),
        ("DELETE FROM audit WHERE seq = 3", .init(seq: 3, fault: .missing)),
        ("DELETE FROM audit WHERE seq = 1", .init(seq: 1, fault: .missing)),
        (
            """
            UPDATE audit SET actor = o.actor, subject = o.subject, at = o.at, hash = o.hash
            FROM audit o WHERE audit.seq IN (2, 3) AND o.seq = 5 - audit.seq
            """, .init(seq: 2, fault: .changed)
        ),
    ])
    func `whatever is changed, taken out or put elsewhere is named`(
        statement: String, broken: AuditVerdict.Break
    ) async throws {
        try await withFive { database, store in
            try await tamper(database, PostgresQuery(unescaped: statement))
            #expect(try await store.verify().broken == broken)
        }
    }

    @Test func `rows cut off the end are noticed by the head that was kept`() async throws {
        try await withFive { database, store in
            let head = try #require(try await store.head())
            try await tamper(database, "DELETE FROM audit WHERE seq > 3")
            #expect(try await store.verify().broken == nil)
            #expect(try await store.verify(anchor: head).broken == .init(seq: 4, fault: .missing))
            // Written anew up to the same number, they still are not what they were.
            try await store.append([entry(8), entry(9)])
            #expect(try await store.verify(anchor: head).broken == .init(seq: 5, fault: .changed))
        }
    }

    @Test(arguments: ["UPDATE audit SET reason = 'x'", "DELETE FROM audit WHERE seq = 5", "TRUNCATE audit"])
    func `nothing but adding is let through`(statement: String) async throws {
        try await withFive { database, store in
            let refused = await #expect(throws: PostgresError.self) {
                try await database.pool.execute(PostgresQuery(unescaped: statement))
            }
            #expect(refused?.sqlState?.rawValue == "42501")
            let left = try await store.verify().checked
            #expect(left == 5)
        }
    }

    @Test func `writers beside each other leave one chain, and what is rolled back leaves no gap`() async throws {
        struct Undone: Error {}
        try await EngineDatabase.with { database in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        for number in 0..<10 {
                            try? await database.pool.withTransaction { transaction in
                                try await AuditStore(transaction).append(entry(writer * 10 + number))
                                if number % 3 == 0 { throw Undone() }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let verdict = try await AuditStore(database.pool).verify()
            #expect(verdict.broken == nil && verdict.checked == 48)
        }
    }

    @Test(arguments: [
        "", "5", "5:", "0:\(String(repeating: "a", count: 64))", "x:\(String(repeating: "a", count: 64))",
    ])
    func `a head that is none is refused`(text: String) {
        #expect(AuditHead(text) == nil)
    }

    @Test func `a head reads what it wrote`() {
        let head = AuditHead(seq: 12, hash: String(repeating: "0f", count: 32))
        #expect(AuditHead(head.description) == head)
    }

    @Test func `every action has a word of its own, in two parts`() {
        #expect(Set(AuditAction.allCases.map(\.rawValue)).count == AuditAction.allCases.count)
        #expect(AuditAction.allCases.allSatisfy { $0.rawValue.split(separator: ".").count == 2 })
    }
}
