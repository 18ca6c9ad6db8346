import LocalServers
import Logging
import Postgres
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct PostgresListenerTests {
    @Test func `notifications arrive in order, of the channels asked for`() async throws {
        try await PostgresFixture.withPool { (pool) async throws in
            let listener = PostgresListener(
                configuration: pool.configuration, channels: ["work", "Über \"Q\""], logger: PostgresFixture.logger)
            try await withThrowingTaskGroup { (group) async throws in
                group.addTask { try await listener.run() }
                try await eventually("it listens") {
                    try await pool.query(
                        """
                        SELECT FROM pg_stat_activity
                        WHERE query LIKE 'LISTEN%' AND state = 'idle' AND datname = current_database()
                        """
                    ).count == 1
                }
                try await pool.execute("SELECT pg_notify('other', 'no')")
                try await pool.execute("SELECT pg_notify('work', 'first')")
                try await pool.execute("SELECT pg_notify('Über \"Q\"', '')")
                var iterator = listener.notifications.makeAsyncIterator()
                #expect(await iterator.next() == PostgresNotification(channel: "work", payload: "first"))
                #expect(await iterator.next() == PostgresNotification(channel: "Über \"Q\"", payload: ""))
                group.cancelAll()
            }
        }
    }

    @Test func `after the server came back every channel rings once, and the outage is two lines`() async throws {
        let local = try await LocalPostgres.start(durable: false)
        let recorder = LogRecorder()
        let configuration = PostgresConfiguration(
            host: local.host, port: local.port, database: local.database, user: local.user, tls: .disable)
        let listener = PostgresListener(configuration: configuration, channels: ["work"], logger: recorder.logger)
        let server = PostgresServer(local: local)
        try await withThrowingTaskGroup { (group) async throws in
            group.addTask { try await listener.run() }
            let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND state = 'idle'"
            try await eventually("it listens") { try await server.run(sql: listening) == "1" }
            try await local.kill()
            try await local.restart()
            var iterator = listener.notifications.makeAsyncIterator()
            #expect(await iterator.next() == PostgresNotification(channel: "work", payload: ""))
            try await server.run(sql: "NOTIFY work, 'again'")
            #expect(await iterator.next() == PostgresNotification(channel: "work", payload: "again"))
            group.cancelAll()
        }
        // The dying server may have a last word of its own.
        let lines = recorder.lines(from: .info).filter { !$0.contains("notice") }
        #expect(lines == ["The listener lost the database; trying again", "The listener is back"])
        try await local.stop()
    }
}
