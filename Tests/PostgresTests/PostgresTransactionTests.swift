import NIOConcurrencyHelpers
import Postgres
import TestSupport
import Testing

private struct Refusal: Error {}

/// Where a transaction is when its task is cancelled.
enum Place: CaseIterable {
    case inTheMiddle, atTheStatementWithCommit, inAPipeline
}

@Suite(.postgres, .timeLimit(.minutes(5)))
struct PostgresTransactionTests {
    func withTable(_ body: (PostgresPool) async throws -> Void) async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.execute("CREATE TABLE accounts (id int PRIMARY KEY, amount int NOT NULL)")
            try await pool.execute("INSERT INTO accounts VALUES (1, 100), (2, 100)")
            try await body(pool)
        }
    }

    func amounts(_ pool: PostgresPool) async throws -> [Int] {
        try await pool.query("SELECT amount FROM accounts ORDER BY id").map { try $0.decode("amount") }
    }

    @Test func `what the body did is there after it returned, and only then`() async throws {
        try await withTable { (pool) async throws in
            let result = try await pool.withTransaction { (transaction) async throws in
                try await transaction.execute("UPDATE accounts SET amount = 1")
                #expect(try await amounts(pool) == [100, 100])
                return 7
            }
            #expect(result == 7)
            #expect(try await amounts(pool) == [1, 1])
        }
    }

    @Test func `what the body throws undoes what it did`() async throws {
        try await withTable { (pool) async throws in
            await #expect(throws: Refusal.self) {
                try await pool.withTransaction { (transaction) async throws in
                    try await transaction.execute("UPDATE accounts SET amount = 1")
                    throw Refusal()
                }
            }
            #expect(try await amounts(pool) == [100, 100])
        }
    }

    @Test func `an empty transaction is fine, and its isolation is as asked`() async throws {
        try await withTable { (pool) async throws in
            try await pool.withTransaction { _ in }
            let level = try await pool.withTransaction(isolation: .repeatableRead) { transaction in
                try await transaction.query("SHOW transaction_isolation")[0].decode(at: 0, as: String.self)
            }
            #expect(level == "repeatable read")
        }
    }

    @Test func `a swallowed failure is not a commit`() async throws {
        try await withTable { (pool) async throws in
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { transaction in
                    try await transaction.execute("UPDATE accounts SET amount = 1")
                    _ = try? await transaction.execute("SELECT 1/0")
                }
            }
            #expect(error?.code == .rolledBack)
            #expect(try await amounts(pool) == [100, 100])
        }
    }

    @Test func `a last statement takes the commit along, and one that fails undoes everything`() async throws {
        try await withTable { (pool) async throws in
            let changed = try await pool.withTransaction { (transaction) async throws in
                try await transaction.execute("UPDATE accounts SET amount = 1 WHERE id = 1")
                let rows = try await transaction.commit(
                    after: "UPDATE accounts SET amount = 2 WHERE id = 2 RETURNING id")
                #expect(try await amounts(pool) == [1, 2], "committed before the body ends")
                return try rows.map { try $0.decode("id", as: Int.self) }
            }
            #expect(changed == [2])
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { (transaction) async throws in
                    try await transaction.execute("UPDATE accounts SET amount = 3 WHERE id = 1")
                    _ = try await transaction.commit(after: "SELECT 1/0")
                }
            }
            #expect(error?.sqlState?.rawValue == "22012")
            #expect(try await amounts(pool) == [1, 2])
            #expect(try await pool.withTransaction { try await $0.commit(after: "SELECT 5 AS five").count } == 1)
            // A constraint that is looked at by the COMMIT itself.
            try await pool.execute("ALTER TABLE accounts ADD UNIQUE (amount) DEFERRABLE INITIALLY DEFERRED")
            let swallowed = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction { (transaction) async throws in
                    _ = try? await transaction.commit(after: "UPDATE accounts SET amount = 9")
                }
            }
            #expect(swallowed?.code == .rolledBack)
            #expect(try await amounts(pool) == [1, 2])
        }
    }

    @Test func `a savepoint undoes only what came after it`() async throws {
        try await withTable { (pool) async throws in
            try await pool.withTransaction { (transaction) async throws in
                try await transaction.execute("UPDATE accounts SET amount = 1 WHERE id = 1")
                await #expect(throws: PostgresError.self) {
                    try await transaction.withSavepoint { inner in
                        try await inner.execute("UPDATE accounts SET amount = 1 WHERE id = 2")
                        try await inner.execute("SELECT 1/0")
                    }
                }
            }
            #expect(try await amounts(pool) == [1, 100])
        }
    }

    @Test(arguments: Place.allCases)
    func `cancelling the task rolls back, and the connection is free again`(place: Place) async throws {
        try await withTable { (pool) async throws in
            let task = Task {
                let change: PostgresQuery = "UPDATE accounts SET amount = 1"
                let sleep: PostgresQuery = "SELECT pg_sleep(50)"
                guard place != .inAPipeline else {
                    _ = try await pool.pipeline([change, sleep])
                    return
                }
                try await pool.withTransaction { (transaction) async throws in
                    try await transaction.execute(change)
                    if place == .inTheMiddle {
                        _ = try await transaction.query(sleep)
                    } else {
                        _ = try await transaction.commit(after: sleep)
                    }
                }
            }
            try await eventually("the transaction sleeps") {
                try await pool.query(
                    """
                    SELECT FROM pg_stat_activity
                    WHERE query = 'SELECT pg_sleep(50)' AND state = 'active' AND datname = current_database()
                    """
                ).count == 1
            }
            task.cancel()
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            try await pool.execute("UPDATE accounts SET amount = 5")
            #expect(try await amounts(pool) == [5, 5])
        }
    }

    @Test func `a serialization failure repeats the whole body`() async throws {
        try await withTable { (pool) async throws in
            let tries = NIOLockedValueBox(0)
            try await pool.withTransaction(isolation: .serializable) { (transaction) async throws in
                let attempt = tries.withLockedValue { tries in
                    tries += 1
                    return tries
                }
                _ = try await transaction.query("SELECT sum(amount) FROM accounts")
                // Somebody else changes what we have read, the first time.
                if attempt == 1 { try await pool.execute("UPDATE accounts SET amount = amount + 1") }
                try await transaction.execute("UPDATE accounts SET amount = amount * 2")
            }
            #expect(tries.withLockedValue(\.self) == 2)
            #expect(try await amounts(pool) == [202, 202])
        }
    }

    @Test func `a deadlock is broken, and the victim repeated`() async throws {
        try await withTable { (pool) async throws in
            try await pool.execute(
                "ALTER DATABASE \(unescaped: pool.configuration.database) SET deadlock_timeout = '50ms'")
            let tries = NIOLockedValueBox(0)
            try await withThrowingTaskGroup { group in
                for (first, second) in [(1, 2), (2, 1)] {
                    group.addTask {
                        try await pool.withTransaction { (transaction) async throws in
                            try await transaction.execute("UPDATE accounts SET amount = amount + 1 WHERE id = \(first)")
                            let attempt = tries.withLockedValue { tries in
                                tries += 1
                                return tries
                            }
                            // Both hold their first row before either asks for its second.
                            if attempt <= 2 {
                                try await eventually("both have begun") {
                                    tries.withLockedValue { $0 >= 2 }
                                }
                            }
                            try await transaction.execute(
                                "UPDATE accounts SET amount = amount + 1 WHERE id = \(second)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(tries.withLockedValue(\.self) >= 3)
            #expect(try await amounts(pool) == [102, 102])
        }
    }

    @Test func `conflicts without end are given up after the last attempt`() async throws {
        try await withTable { (pool) async throws in
            let tries = NIOLockedValueBox(0)
            let error = await #expect(throws: PostgresError.self) {
                try await pool.withTransaction(attempts: 2) { (transaction) async throws in
                    tries.withLockedValue { $0 += 1 }
                    try await transaction.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
                }
            }
            #expect(error?.sqlState == .serializationFailure)
            #expect(tries.withLockedValue(\.self) == 2)
        }
    }

    @Test func `a connection lost while committing leaves the outcome open`() async throws {
        try await withTable { (pool) async throws in
            // A deferred trigger runs inside COMMIT; there it waits to be killed.
            try await pool.withConnection { connection in
                try await connection.executeScript(
                    """
                    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql
                        AS $$ BEGIN PERFORM pg_sleep(50); RETURN NULL; END $$;
                    CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED
                        FOR EACH ROW EXECUTE FUNCTION slow();
                    """)
            }
            let task = Task {
                try await pool.withTransaction { (transaction) async throws in
                    try await transaction.execute("UPDATE accounts SET amount = 1")
                }
            }
            try await eventually("the commit is killed") {
                try await pool.query(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE query = 'COMMIT' AND state = 'active' AND datname = current_database()
                    """
                ).count == 1
            }
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .commitOutcomeUnknown)
        }
    }

    @Test func `a transaction inside a transaction is refused`() async throws {
        try await withTable { (pool) async throws in
            try await pool.withTransaction { (transaction) async throws in
                let error = await #expect(throws: PostgresError.self) {
                    try await transaction.connection.withTransaction { _ in }
                }
                #expect(error?.code == .protocolViolation)
            }
        }
    }
}
