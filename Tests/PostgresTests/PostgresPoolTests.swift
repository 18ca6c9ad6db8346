import LocalServers
import Logging
import Postgres
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct PostgresPoolTests {
    @Test func `fifty connections do two hundred queries each`() async throws {
        try await PostgresFixture.withPool(size: 50) { (pool) async throws in
            try await withThrowingTaskGroup { group in
                for worker in 0..<50 {
                    group.addTask {
                        try await pool.withConnection { connection in
                            for number in 0..<200 {
                                let rows = try await connection.query("SELECT \(worker * 1000 + number)")
                                #expect(try rows[0].decode(at: 0, as: Int.self) == worker * 1000 + number)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `more callers than connections wait for their turn`() async throws {
        try await PostgresFixture.withPool(size: 2) { (pool) async throws in
            try await withThrowingTaskGroup { group in
                for number in 0..<100 {
                    group.addTask { try await pool.query("SELECT \(number)")[0].decode(at: 0, as: Int.self) }
                }
                var sum = 0
                for try await number in group { sum += number }
                #expect(sum == 4950)
            }
            let rows = try await pool.query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            #expect(try rows[0].decode(at: 0, as: Int.self) <= 2)
        }
    }

    @Test func `no free connection in time is an error that says so`() async throws {
        try await PostgresFixture.withPool(size: 1, waiterLimit: 1, acquireTimeout: .seconds(1)) {
            (pool) async throws in
            // Connecting counts as waiting, and may take longer.
            try await eventually("a connection is there") { (try? await pool.query("SELECT 1")) != nil }
            try await pool.withConnection { _ in
                let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
                #expect(error?.code == .acquireTimedOut)
                #expect(error?.isTransient == true)
            }
            #expect(try await pool.query("SELECT 1").count == 1)
        }
    }

    @Test func `a cancelled caller leaves the queue`() async throws {
        try await PostgresFixture.withPool(size: 1) { (pool) async throws in
            try await pool.withConnection { _ in
                let task = Task { try await pool.query("SELECT 1") }
                task.cancel()
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.code == .cancelled)
            }
        }
    }

    @Test func `a transaction that a body left open is rolled back`() async throws {
        try await PostgresFixture.withPool(size: 1) { (pool) async throws in
            try await pool.execute("CREATE TABLE t (id int)")
            try await pool.withConnection { (connection) async throws in
                try await connection.execute("BEGIN")
                try await connection.execute("INSERT INTO t VALUES (1)")
            }
            #expect(try await pool.query("SELECT FROM t").isEmpty)
        }
    }

    @Test func `a wrong password and an unknown database are told at once, with their codes`() async throws {
        let local = try await LocalPostgres.start(durable: false, authentication: .password)
        var configuration = PostgresConfiguration(
            host: local.host, port: local.port, database: local.database, user: local.user, password: local.password)
        let right = configuration
        configuration.password = "wrong"
        let wrong = configuration
        configuration = right
        configuration.database = "nowhere"
        let unknown = configuration

        try await PostgresFixture.run(PostgresPool(configuration: right, logger: PostgresFixture.logger)) {
            (pool) async throws in
            #expect(try await pool.query("SELECT 1").count == 1)
        }
        try await PostgresFixture.run(PostgresPool(configuration: wrong, logger: PostgresFixture.logger)) {
            (pool) async throws in
            let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
            #expect(error?.code == .authenticationFailed)
            #expect(error?.sqlState == .invalidPassword)
            #expect(error.map { "\($0)" }?.contains("wrong") == false)
        }
        try await PostgresFixture.run(PostgresPool(configuration: unknown, logger: PostgresFixture.logger)) {
            (pool) async throws in
            let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
            #expect(error?.code == .connectionFailed)
            #expect(error?.sqlState == .unknownDatabase)
        }
        try await local.stop()
    }

    @Test func `nobody at the port, or no such host, is out of reach and may come back`() async throws {
        let port = try LocalServerPort.free()
        for host in ["127.0.0.1", "no-such-host.invalid"] {
            let configuration = PostgresConfiguration(host: host, port: port, database: "a", user: "a", tls: .disable)
            let loop = PostgresFixture.loop
            let error = await #expect(throws: PostgresError.self) {
                try await PostgresConnection.connect(configuration, loop: loop, logger: PostgresFixture.logger)
            }
            #expect(error?.code == .connectionFailed)
            #expect(error?.isTransient == true)
        }
    }

    @Test func `a host that is down is passed over, and a socket's folder is a host`() async throws {
        let server = try #require(PostgresServer.current)
        let configuration = PostgresConfiguration(
            hosts: ["/nowhere", server.local.folder], port: server.port, database: "postgres", user: server.user)
        let connection = try await PostgresConnection.connect(
            configuration, loop: PostgresFixture.loop, logger: PostgresFixture.logger)
        #expect(try await connection.query("SELECT inet_client_addr() IS NULL")[0].decode(at: 0, as: Bool.self))
        await connection.close()
        #expect(await connection.isUsable == false)
    }

    @Test func `after the server was killed the pool recovers, and the outage is two lines in the log`() async throws {
        let local = try await LocalPostgres.start(durable: false)
        let recorder = LogRecorder()
        let configuration = PostgresConfiguration(
            host: local.host, port: local.port, database: local.database, user: local.user, tls: .disable, poolSize: 3)
        let pool = PostgresPool(configuration: configuration, logger: recorder.logger)
        try await PostgresFixture.run(pool) { (pool) async throws in
            let sleeper = Task { try await pool.query("SELECT pg_sleep(50)") }
            try await eventually("the statement runs") {
                try await pool.query("SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'").count == 1
            }
            try await local.kill()
            let lost = await #expect(throws: PostgresError.self) { try await sleeper.value }
            #expect(lost?.isTransient == true)
            // The pool's other connection may not have been seen to break yet; whoever gets it is told to try again.
            let waiting = Task {
                for _ in 0..<3 {
                    do {
                        return try await pool.query("SELECT 1").count
                    } catch let error as PostgresError where error.code == .connectionLost {
                        continue
                    }
                }
                return 0
            }
            try await eventually("the outage is noticed") {
                recorder.lines(from: .error).count == 1
            }
            try await local.restart()
            #expect(try await waiting.value == 1)
        }
        // The dying server may have a last word of its own.
        let lines = recorder.lines(from: .info).filter { !$0.contains("notice") }
        #expect(lines == ["The database is out of reach; trying again", "The database is back"])
        try await local.stop()
    }

    @Test func `idle connections that the server has closed are replaced unseen`() async throws {
        let local = try await LocalPostgres.start(durable: false)
        let configuration = PostgresConfiguration(
            host: local.host, port: local.port, database: local.database, user: local.user, tls: .disable)
        let pool = PostgresPool(configuration: configuration, logger: PostgresFixture.logger)
        try await PostgresFixture.run(pool) { (pool) async throws in
            for _ in 0..<2 {
                #expect(try await pool.query("SELECT 1").count == 1)
                try await local.restart()
            }
            #expect(try await pool.query("SELECT 1").count == 1)
        }
        try await local.stop()
    }

    @Test func `a pool that has been shut down says so`() async throws {
        let server = try #require(PostgresServer.current)
        let configuration = PostgresConfiguration(
            host: server.host, port: server.port, database: "postgres", user: server.user, tls: .disable)
        let pool = PostgresPool(configuration: configuration, logger: PostgresFixture.logger)
        try await PostgresFixture.run(pool) { pool in _ = try await pool.query("SELECT 1") }
        let error = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
        #expect(error?.code == .closed)
    }
}
