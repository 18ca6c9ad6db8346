import Curl
import HTTPTypes
import Logging
import Simulators
import Testing

@Suite(.timeLimit(.minutes(5)))
struct OneRosterServerTests {
    private func withServer(
        token: String? = nil,
        _ body: @escaping @Sendable (OneRosterServer, SimulatorClient, [UInt8]) async throws -> Void
    ) async throws {
        let folder = try TestFolder()
        try SyntheticDistrict(people: 500, enrolments: 20_000).write(toZip: "\(folder.path)/district.zip")
        let bytes = try folder.bytes("district.zip")
        let server = OneRosterServer(folder: folder.path, token: token, logger: Logger(label: "test.oneroster"))
        try await server.whileServing { baseURL in
            try await withClient(baseURL) { client in
                var client = client
                client.token = token
                try await body(server, client, bytes)
            }
        }
        withExtendedLifetime(folder) {}
    }

    @Test func `a zip is served whole, and not again while it is the same`() async throws {
        try await withServer { server, client, bytes in
            let answer = try await client.get("/rosters/district.zip")
            #expect(answer.status == 200)
            #expect(answer.bytes == bytes)
            let tag = try #require(answer.headers[.eTag])
            let again = try await client.send(.get, "/rosters/district.zip", headers: [.ifNoneMatch: tag])
            #expect(again.status == 304)
            #expect(server.served == 1)
        }
    }

    @Test(arguments: ["/rosters/other.zip", "/rosters/..%2Fdistrict.zip", "/rosters/.zip", "/rosters/district.csv"])
    func `what is not there is not found`(path: String) async throws {
        try await withServer { _, client, _ in
            let answer = try await client.get(path)
            #expect(answer.status == 404)
        }
    }

    @Test func `a token is asked for where one is set`() async throws {
        try await withServer(token: "secret") { _, client, _ in
            let answer = try await client.get("/rosters/district.zip")
            #expect(answer.status == 200)
            var stranger = client
            stranger.token = "other"
            let refused = try await stranger.get("/rosters/district.zip")
            #expect(refused.status == 401)
        }
    }

    @Test func `a body can be cut, and the next request fail`() async throws {
        try await withServer { server, client, bytes in
            server.faults.truncateNext = 1
            await #expect(throws: CurlError.self) { try await client.get("/rosters/district.zip") }
            server.faults.failNext = 1
            let failed = try await client.get("/rosters/district.zip")
            #expect(failed.status == 500)
            server.faults.pause = .milliseconds(1)
            let slow = try await client.get("/rosters/district.zip")
            #expect(slow.bytes == bytes)
        }
    }
}
