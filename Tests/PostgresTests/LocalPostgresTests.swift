import Foundation
import LocalServers
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct LocalPostgresTests {
    @Test func `each test has a database of its own, gone afterwards`() async throws {
        let server = try #require(PostgresServer.current)
        let name = try await PostgresServer.withDatabase { database in
            let name = try await server.run(sql: "SELECT current_database()", database: database.name)
            #expect(name == database.name)
            return name
        }
        #expect(try await server.run(sql: "SELECT count(*) FROM pg_database WHERE datname = '\(name)'") == "0")
    }

    @Test func `a killed server recovers what was committed, on the same port`() async throws {
        let local = try await LocalPostgres.start()
        let server = PostgresServer(local: local)
        try await server.run(sql: "CREATE TABLE kept AS SELECT 7 AS number")
        try await local.kill()
        await #expect(throws: ServerError.self) { try await server.run(sql: "SELECT 1") }
        try await local.restart()
        #expect(try await server.run(sql: "SELECT number FROM kept") == "7")
        try await local.restart()
        #expect(try await server.run(sql: "SELECT number FROM kept") == "7")
        try await local.stop()
    }

    @Test func `a temporary folder vanishes with its server`() async throws {
        let local = try await LocalPostgres.start(durable: false)
        #expect(FileManager.default.fileExists(atPath: local.folder + "/data"))
        try await local.stop()
        try await eventually("it has vanished") { !FileManager.default.fileExists(atPath: local.folder) }
    }

    @Test func `a server that nobody holds any more ends`() async throws {
        var local: LocalPostgres? = try await LocalPostgres.start(durable: false)
        let process = try #require(await local?.processIdentifier)
        #expect(kill(process, 0) == 0)
        // As when this process ends: the kernel closes the lifeline.
        local = nil
        try await eventually("it has ended") { kill(process, 0) != 0 }
    }

    @Test func `a given folder stays, and a second start finds its data and password`() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/postgres-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let first = try await LocalPostgres.start(in: folder, durable: false, authentication: .password)
        try await first.stop()
        let second = try await LocalPostgres.start(in: folder, durable: false)
        #expect(second.password == first.password)
        #expect(second.password?.count == 36)
        try await second.stop()
    }

    @Test func `a setting that PostgreSQL refuses is an error with the end of its log`() async throws {
        let error = await #expect(throws: ServerError.self) {
            try await LocalPostgres.start(durable: false, settings: ["no_such_setting": "1"])
        }
        #expect(error?.code == .notReady)
        #expect(error?.log?.contains("no_such_setting") == true)
    }
}
