import Foundation
import LocalServers
import Postgres
import TestSupport
import Testing

/// A server whose certificate is made out to `localhost` by an authority of its own.
@Suite(.postgres, .timeLimit(.minutes(5)))
struct PostgresTLSTests {
    static func withServer(_ body: (LocalPostgres, _ caFile: String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/postgres-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let script = """
            set -e; cd \(folder)
            openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test-authority -keyout ca.key -out ca.pem
            openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
            echo subjectAltName=DNS:localhost > names
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 \\
                -extfile names -out server.pem
            chmod 600 server.key; chmod 755 .
            if [ "$(id -u)" = 0 ]; then chown postgres server.key; fi
            """
        let (status, output) = try await LocalServerProcess.run(["sh", "-c", script])
        try #require(status == 0, "\(output)")
        let server = try await LocalPostgres.start(
            durable: false,
            settings: ["ssl": "on", "ssl_cert_file": folder + "/server.pem", "ssl_key_file": folder + "/server.key"])
        try await body(server, folder + "/ca.pem")
        try await server.stop()
    }

    static func connect(
        _ server: LocalPostgres, host: String, tls: PostgresConfiguration.TLS
    ) async throws -> PostgresConnection {
        let configuration = PostgresConfiguration(
            host: host, port: server.port, database: server.database, user: server.user, tls: tls)
        return try await PostgresConnection.connect(
            configuration, loop: PostgresFixture.loop, logger: PostgresFixture.logger)
    }

    @Test func `each mode encrypts and checks as much as it says`() async throws {
        try await Self.withServer { (server, caFile) async throws in
            for (tls, isEncrypted) in [(.disable, false), (.prefer, true), (.require, true)]
                as [(PostgresConfiguration.TLS, Bool)]
            {
                let connection = try await Self.connect(server, host: "127.0.0.1", tls: tls)
                #expect(await connection.usesTLS == isEncrypted)
                await connection.close()
            }
            let checked = try await Self.connect(server, host: "localhost", tls: .verifyFull(caFile: caFile))
            #expect(await checked.usesTLS)
            // Many records, so that what OpenSSL keeps to itself is not forgotten.
            let text = String(repeating: "x", count: 1_000_000)
            let rows = try await checked.query("SELECT \(text)::text AS long FROM generate_series(1, 5)")
            #expect(
                try rows.map { try $0.decode("long", as: String.self).utf8.count }
                    == Array(repeating: 1_000_000, count: 5))
            await checked.close()
            let wrongName = await #expect(throws: PostgresError.self) {
                try await Self.connect(server, host: "127.0.0.1", tls: .verifyFull(caFile: caFile))
            }
            #expect(wrongName?.code == .connectionFailed)
            let wrongAuthority = await #expect(throws: PostgresError.self) {
                try await Self.connect(server, host: "localhost", tls: .verifyFull(caFile: "/etc/hostname"))
            }
            #expect(wrongAuthority?.code == .connectionFailed)
        }
    }

    @Test func `without TLS on the server, require is refused and prefer is plain`() async throws {
        let local = try #require(PostgresServer.current).local
        let error = await #expect(throws: PostgresError.self) {
            try await Self.connect(local, host: "127.0.0.1", tls: .require)
        }
        #expect(error?.code == .connectionFailed)
        let connection = try await Self.connect(local, host: "127.0.0.1", tls: .prefer)
        #expect(await connection.usesTLS == false)
        await connection.close()
    }
}
