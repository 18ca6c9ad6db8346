import Foundation
import HTTPTypes
import Jobs
import LocalServers
import Postgres
import TestSupport
import Testing

@Suite(.postgres, .timeLimit(.minutes(5)))
struct ArtifactsRouteTests {
    @Test func `a file comes as it is stored, with its length, hash and name`() async throws {
        try await StatusFixture.with { fixture in
            let job = try await Self.job(fixture)
            let text = String(repeating: "one,two,naïve\r\n", count: 200_000)
            try await fixture.store(text, name: "users.csv", job: job)
            let path = "/api/v1/jobs/\(job)/steps/1/artifacts"
            let listed = try await fixture.get(path).json["artifacts"] as? [[String: Any]]
            let href = try #require(listed?.first?["href"] as? String)
            let answer = try await fixture.get(href)
            #expect(answer.status == 200)
            #expect(answer.bytes == Array(text.utf8))
            #expect(answer.headers[.contentLength] == "\(text.utf8.count)")
            #expect(answer.headers[.contentDisposition]?.hasPrefix("attachment; filename=\"users.csv\"") == true)
            // By a program that is not ours.
            try Data(answer.bytes).write(to: URL(filePath: fixture.folder + "/answer"))
            let sum = try await LocalServerProcess.run(["sha256sum", fixture.folder + "/answer"])
            let hash = String(sum.output.prefix(64))
            #expect(answer.headers[.eTag] == "\"\(hash)\"")
            #expect(listed?.first?["sha256"] as? String == hash)
            let again = try await fixture.get(href, headers: [.ifNoneMatch: "\"\(hash)\""])
            #expect(again.status == 304)
            #expect(again.bytes.isEmpty)
            let head = try await fixture.get(href, method: .head)
            #expect(head.status == 200)
            #expect(head.headers[.contentLength] == "\(text.utf8.count)")
        }
    }

    @Test func `a table comes as JSON with quotes, line ends and accents intact`() async throws {
        try await StatusFixture.with { fixture in
            let job = try await Self.job(fixture)
            let csv = "sourcedId,name\r\n007,\"Zoë \"\"Z\"\" O'Neil,\nJr\"\r\n008,Łukasz\r\n"
            try await fixture.store(csv, name: "users.csv", job: job)
            let answer = try await fixture.get("/api/v1/jobs/\(job)/steps/1/artifacts/users.csv?format=json")
            #expect(answer.headers[.contentType] == "application/json")
            let rows = try JSONSerialization.jsonObject(with: Data(answer.bytes)) as? [[String: String]]
            #expect(
                rows == [
                    ["sourcedId": "007", "name": "Zoë \"Z\" O'Neil,\nJr"], ["sourcedId": "008", "name": "Łukasz"],
                ])
        }
    }

    @Test func `a malformed table never looks like a shorter one`() async throws {
        try await StatusFixture.with { fixture in
            let job = try await Self.job(fixture)
            try await fixture.store("a,b\n1,2\n3,\"open\n", name: "users.csv", job: job)
            await #expect(throws: (any Error).self) {
                _ = try await fixture.get("/api/v1/jobs/\(job)/steps/1/artifacts/users.csv?format=json")
            }
        }
    }

    @Test func `only tables come as JSON`() async throws {
        try await StatusFixture.with { fixture in
            let job = try await Self.job(fixture)
            try await fixture.store("PK", name: "batch.zip", job: job, type: "application/zip")
            let answer = try await fixture.get("/api/v1/jobs/\(job)/steps/1/artifacts/batch.zip?format=json")
            #expect(answer.status == 406)
            #expect(answer.json["type"] as? String == "urn:rosterline:problem:not-tabular")
        }
    }

    @Test func `a file whose content is gone is said to be, with a remedy`() async throws {
        try await StatusFixture.with { fixture in
            let job = try await Self.job(fixture)
            try await fixture.pool.execute(
                """
                INSERT INTO artifact (job_id, ordinal, name, media_type, bytes, sha256)
                VALUES (\(job), 1, 'lost.csv', 'text/csv', 3, decode(repeat('00', 32), 'hex'))
                """)
            let answer = try await fixture.get("/api/v1/jobs/\(job)/steps/1/artifacts/lost.csv")
            #expect(answer.status == 404)
            #expect((answer.json["remedy"] as? String)?.contains("artifact store") == true)
        }
    }

    @Test func `a name with blanks, accents and quotes can be fetched`() async throws {
        try await StatusFixture.with { fixture in
            let job = try await Self.job(fixture)
            try await fixture.store("x", name: "Noël \"1\".csv", job: job)
            let listed =
                try await fixture.get("/api/v1/jobs/\(job)/steps/1/artifacts").json["artifacts"] as? [[String: Any]]
            let answer = try await fixture.get(try #require(listed?.first?["href"] as? String))
            #expect(answer.text == "x")
            #expect(answer.headers[.contentDisposition]?.hasPrefix("attachment; filename=\"No_l _1_.csv\";") == true)
        }
    }

    private static func job(_ fixture: StatusFixture) async throws -> UUID {
        let rows = SampleRows(database: fixture.pool)
        let job = try await rows.job(try await rows.integration())
        try await rows.step(job, 1, .extract, .completed, percent: 100)
        return job
    }
}
