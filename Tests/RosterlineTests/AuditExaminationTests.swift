import EngineTestSupport
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@testable import rosterline

/// What `rosterline doctor` says of the audit.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct AuditExaminationTests {
    /// A database with this many rows of audit.
    private func withRows(_ count: Int, _ body: (EngineDatabase, AuditStore) async throws -> Void) async throws {
        try await EngineDatabase.with { database in
            let store = AuditStore(database.pool)
            let entry = AuditEntry(
                actor: "mara (command line)", action: .jobCancel, subject: "job 1", reason: "Because.")
            try await store.append(Array(repeating: entry, count: count))
            try await body(database, store)
        }
    }

    /// Changes a row as somebody may who owns the database.
    private func tamper(_ database: EngineDatabase, row: Int64) async throws {
        try await database.pool.withTransaction { transaction in
            try await transaction.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
            try await transaction.execute("UPDATE audit SET reason = 'Nothing.' WHERE seq = \(row)")
            try await transaction.execute("ALTER TABLE audit ENABLE ALWAYS TRIGGER refuse_audit_change")
            try await transaction.execute("ALTER TABLE audit ENABLE TRIGGER chain_audit")
        }
    }

    @Test(arguments: [false, true])
    func `an audit that nobody touched is well, and so is an empty one`(whole: Bool) async throws {
        try await withRows(0) { _, store in
            let finding = try await Examination.audit(store, whole: whole)
            #expect(finding.isWell && finding.description == "ok     audit: nothing was done yet")
        }
        try await withRows(1000) { _, store in
            let head = try #require(try await store.head())
            let finding = try await Examination.audit(store, whole: whole)
            #expect(finding.isWell && finding.description == "ok     audit: rows 1 to 1000 fit; head \(head)")
        }
    }

    @Test(arguments: [false, true])
    func `a changed row is wrong, and named`(whole: Bool) async throws {
        try await withRows(3) { database, store in
            try await tamper(database, row: 2)
            let finding = try await Examination.audit(store, whole: whole)
            #expect(!finding.isWell)
            #expect(finding.description.hasPrefix("WRONG  audit: The chain is broken: row 2 is not what was written"))
        }
    }

    @Test func `only the last 1000 rows are looked at unless all are asked for, and the doctor says so`() async throws {
        try await withRows(1005) { database, store in
            try await tamper(database, row: 3)
            let finding = try await Examination.audit(store, whole: false)
            #expect(finding.isWell && finding.description.contains("rows 6 to 1005 fit"))
            let rest = "rows 1 to 5 were not looked at: 'rosterline doctor --audit' checks all"
            #expect(finding.description.hasSuffix(rest))
            let whole = try await Examination.audit(store, whole: true)
            #expect(!whole.isWell && whole.description.contains("row 3 is not what was written"))
            try await tamper(database, row: 1005)
            let last = try await Examination.audit(store, whole: false)
            #expect(!last.isWell && last.description.contains("row 1005 is not what was written"))
        }
    }
}
