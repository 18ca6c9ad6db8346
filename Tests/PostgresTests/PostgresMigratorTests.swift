import Postgres
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct PostgresMigratorTests {
    let first = Migration(
        version: 1, name: "people", sql: "CREATE TABLE people (id int); INSERT INTO people VALUES (1);")
    let second = Migration(
        version: 2, name: "function",
        sql: "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$; SELECT f();")

    @Test func `each migration is applied once, in order`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let migrator = PostgresMigrator(migrations: [second, first])
            #expect(try await migrator.currentVersion(on: pool) == nil)
            #expect(try await migrator.pending(on: pool).map(\.version) == [1, 2])
            #expect(try await migrator.apply(on: pool) == [first, second])
            #expect(try await migrator.apply(on: pool).isEmpty)
            #expect(try await migrator.currentVersion(on: pool) == 2)
            #expect(try await pool.query("SELECT FROM people").count == 1)
        }
    }

    @Test func `many processes at once apply it once`() async throws {
        try await PostgresFixture.withPool(size: 5) { (pool) async throws in
            let migrator = PostgresMigrator(migrations: [first, second])
            let applied = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<5 { group.addTask { try await migrator.apply(on: pool).count } }
                var sum = 0
                for try await count in group { sum += count }
                return sum
            }
            #expect(applied == 2)
        }
    }

    @Test func `one that fails is undone, and those before it stay`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let broken = Migration(version: 3, name: "broken", sql: "CREATE TABLE half (id int); SELECT 1/0;")
            let migrator = PostgresMigrator(migrations: [first, broken])
            let error = await #expect(throws: PostgresError.self) { try await migrator.apply(on: pool) }
            #expect(error?.sqlState?.rawValue == "22012")
            #expect(try await migrator.currentVersion(on: pool) == 1)
            #expect(try await pool.query("SELECT to_regclass('half') IS NULL")[0].decode(at: 0, as: Bool.self))
        }
    }

    @Test func `one that was changed after it had been applied is refused`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await PostgresMigrator(migrations: [first]).apply(on: pool)
            let changed = Migration(version: 1, name: "people", sql: first.sql + " ")
            let error = await #expect(throws: PostgresError.self) {
                try await PostgresMigrator(migrations: [changed, second]).apply(on: pool)
            }
            #expect(error?.code == .migrationConflict)
        }
    }

    @Test func `a database that is ahead of the program is refused, unless told otherwise`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await PostgresMigrator(migrations: [first, second]).apply(on: pool)
            let older = PostgresMigrator(migrations: [first])
            let error = await #expect(throws: PostgresError.self) { try await older.pending(on: pool) }
            #expect(error?.code == .migrationConflict)
            #expect(try await older.apply(on: pool, allowNewer: true).isEmpty)
        }
    }

    @Test func `an advisory lock excludes other sessions until its body ends`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let lock = AdvisoryLock("leader")
            try await pool.withConnection { (holder) async throws in
                let result = try await holder.withAdvisoryLock(lock) { () async throws -> Int in
                    let other = try await pool.withConnection { try await $0.withAdvisoryLockIfFree(lock) { 1 } }
                    #expect(other == nil)
                    let error = await #expect(throws: PostgresError.self) {
                        try await pool.withConnection {
                            try await $0.withAdvisoryLock(lock, within: .milliseconds(10)) { 1 }
                        }
                    }
                    #expect(error?.code == .acquireTimedOut)
                    return 2
                }
                #expect(result == 2)
            }
            #expect(
                try await pool.withConnection { try await $0.withAdvisoryLockIfFree(AdvisoryLock(key: 5)) { 3 } } == 3)
            #expect(try await pool.withConnection { try await $0.withAdvisoryLockIfFree(lock) { 4 } } == 4)
        }
    }
}
