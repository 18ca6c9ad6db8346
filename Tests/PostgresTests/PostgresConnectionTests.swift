import FoundationEssentials
import Logging
import TestSupport
import Testing

@testable import Postgres

@Suite(.postgres, .timeLimit(.minutes(5)))
struct PostgresConnectionTests {
    @Test func `rows are read by name and by place`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let rows = try await pool.query("SELECT n AS number, 'n' || n AS name FROM generate_series(1, \(3)) AS n")
            #expect(rows.columns == ["number", "name"])
            #expect(try rows.map { try $0.decode("number", as: Int.self) } == [1, 2, 3])
            let (number, name) = try rows[2].decode((Int.self, String.self))
            #expect(number == 3)
            #expect(name == "n3")
        }
    }

    @Test func `execute counts the rows it touched`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            #expect(try await pool.execute("CREATE TABLE t (id int)") == 0)
            #expect(try await pool.execute("INSERT INTO t SELECT generate_series(1, 5)") == 5)
            #expect(try await pool.execute("UPDATE t SET id = id WHERE id > \(2)") == 3)
            #expect(try await pool.execute("DELETE FROM t") == 5)
        }
    }

    @Test func `a violated constraint has its code and name, and the row stays out of the short text`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.execute("CREATE TABLE people (mail text CONSTRAINT people_mail_key UNIQUE)")
            try await pool.execute("INSERT INTO people VALUES ('ana@example.org')")
            let error = await #expect(throws: PostgresError.self) {
                try await pool.execute("INSERT INTO people VALUES (\("ana@example.org"))")
            }
            #expect(error?.code == .server)
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.constraint == "people_mail_key")
            #expect(error?.isTransient == false)
            #expect(error.map { "\($0)" }?.contains("ana@") == false)
            #expect(error?.debugDescription.contains("ana@") == true)
        }
    }

    @Test func `statements are prepared once, and the oldest makes room`() async throws {
        try await PostgresFixture.withPool(cacheSize: 2) { (pool) async throws in
            try await pool.withConnection { (connection) async throws in
                for _ in 0..<3 {
                    for number in 0..<3 {
                        _ = try await connection.query("SELECT \(number), \(unescaped: "\(number)")")
                    }
                }
                _ = try await connection.query("SELECT 0, 1")
                let rows = try await connection.query("SELECT count(*) FROM pg_prepared_statements")
                #expect(try rows[0].decode(at: 0, as: Int.self) <= 3)
            }
        }
    }

    @Test func `a statement whose table changed is prepared anew`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.withConnection { (connection) async throws in
                try await connection.execute("CREATE TABLE t (a int)")
                try await connection.execute("INSERT INTO t VALUES (1)")
                #expect(try await connection.query("SELECT * FROM t").columns == ["a"])
                try await connection.execute("ALTER TABLE t ADD b int")
                #expect(try await connection.query("SELECT * FROM t").columns == ["a", "b"])
                try await connection.execute("DEALLOCATE ALL")
                #expect(try await connection.query("SELECT * FROM t").columns == ["a", "b"])
            }
        }
    }

    @Test func `a pipeline gives each its rows, in order`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let queries = (0..<500).map { "SELECT \($0)" as PostgresQuery }
            let results = try await pool.pipeline(queries)
            #expect(try results.map { try $0[0].decode(at: 0, as: Int.self) } == Array(0..<500))
            #expect(try await pool.pipeline([]).isEmpty)
        }
    }

    @Test func `a failing pipeline does nothing at all, and the connection goes on`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.execute("CREATE TABLE t (id int)")
            try await pool.withConnection { (connection) async throws in
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.pipeline([
                        "INSERT INTO t VALUES (1)", "SELECT 1/0", "INSERT INTO t VALUES (2)",
                    ])
                }
                #expect(error?.sqlState?.rawValue == "22012")
                #expect(try await connection.query("SELECT count(*) FROM t")[0].decode(at: 0, as: Int.self) == 0)
            }
        }
    }

    @Test func `a pipeline larger than all buffers does not stall`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let text = String(repeating: "x", count: 100_000)
            let results = try await pool.pipeline((0..<60).map { _ in "SELECT \(text)::text || \("y")::text AS long" })
            #expect(results.count == 60)
            for result in results { #expect(try result[0].decode("long", as: String.self).utf8.count == 100_001) }
        }
    }

    @Test func `calls that overlap on one connection take turns`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.withConnection { (connection) async throws in
                try await withThrowingTaskGroup { group in
                    for number in 0..<50 {
                        group.addTask {
                            try await connection.query("SELECT \(number)")[0].decode(at: 0, as: Int.self) == number
                        }
                    }
                    for try await isRight in group { #expect(isRight) }
                }
            }
        }
    }

    @Test func `cancelling the task stops the statement on the server, and the connection stays usable`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.withConnection { (connection) async throws in
                let process = await connection.processIdentifier
                let running =
                    "SELECT count(*) FROM pg_stat_activity WHERE pid = \(Int(process)) AND state = 'active'"
                    as PostgresQuery
                let task = Task { try await connection.query("SELECT pg_sleep(50)") }
                try await eventually("the statement runs") {
                    try await pool.query(running)[0].decode(at: 0, as: Int.self) == 1
                }
                let start = ContinuousClock.now
                task.cancel()
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.code == .cancelled)
                #expect(ContinuousClock.now - start < .seconds(30))
                #expect(try await pool.query(running)[0].decode(at: 0, as: Int.self) == 0)
                #expect(try await connection.query("SELECT 1").count == 1)
                #expect(await connection.processIdentifier == process)
            }
        }
    }

    @Test func `a task that is cancelled already sends nothing`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.execute("CREATE TABLE t (id int)")
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await pool.execute("INSERT INTO t VALUES (1)")
            }
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(try await pool.query("SELECT FROM t").isEmpty)
        }
    }

    @Test func `a statement that takes too long is stopped by the server`() async throws {
        try await PostgresFixture.withPool(statementTimeout: .milliseconds(500)) { (pool) async throws in
            let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT pg_sleep(50)") }
            #expect(error?.code == .timedOut)
            #expect(error?.sqlState == .queryCanceled)
            #expect(error?.isTransient == true)
        }
    }

    @Test func `notices go to the log`() async throws {
        let recorder = LogRecorder()
        try await PostgresFixture.withPool(logger: recorder.logger) { (pool) async throws in
            try await pool.execute("DO $$ BEGIN RAISE NOTICE 'a word'; RAISE WARNING 'a warning'; END $$")
        }
        let notices = recorder.lines.filter { $0.message == "The database sent a notice" }
        #expect(notices.map(\.level) == [.debug, .warning])
        #expect(notices.map { $0.metadata[PostgresKeys.Log.notice] } == ["a word", "a warning"])
    }

    @Test func `a session that the server ends is an error that may be retried`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.withConnection { (connection) async throws in
                let process = Int32(await connection.processIdentifier)
                let task = Task { try await connection.query("SELECT pg_sleep(50)") }
                try await eventually("the session is gone") {
                    try await pool.query(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE pid = \(process) AND state = 'active'
                        """
                    ).count == 1
                }
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.sqlState == .adminShutdown)
                #expect(error?.isTransient == true)
                #expect(await connection.isUsable == false)
                let later = await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1") }
                #expect(later?.code == .closed)
            }
            #expect(try await pool.query("SELECT 1").count == 1)
        }
    }

    @Test func `closing a connection ends what waits on it`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.withConnection { (connection) async throws in
                let process = Int32(await connection.processIdentifier)
                let task = Task { try await connection.query("SELECT pg_sleep(50)") }
                try await eventually("the statement runs") {
                    try await pool.query("SELECT FROM pg_stat_activity WHERE pid = \(process) AND state = 'active'")
                        .count == 1
                }
                await connection.close()
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.code == .closed)
            }
        }
    }

    @Test func `a script runs many statements and functions`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            try await pool.withConnection { (connection) async throws in
                try await connection.executeScript(
                    """
                    CREATE TABLE t (id int);
                    CREATE FUNCTION two() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 2; END; $$;
                    INSERT INTO t SELECT two();
                    """)
                #expect(try await connection.query("SELECT id FROM t")[0].decode("id", as: Int.self) == 2)
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.executeScript("INSERT INTO t VALUES (3); SELECT nonsense;")
                }
                #expect(error?.sqlState == .undefinedColumn)
                #expect(try await connection.query("SELECT id FROM t").count == 1)
                let copy = await #expect(throws: PostgresError.self) {
                    try await connection.executeScript("COPY t FROM STDIN")
                }
                #expect(copy?.code == .protocolViolation)
                #expect(try await connection.query("SELECT id FROM t").count == 1)
            }
        }
    }
}
