import Curl
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Postgres
import Storage
import TestSupport
import Testing

@testable import StatusAPI

@Suite(.postgres, .timeLimit(.minutes(5)))
struct ServiceTests {
    @Test func `the document and the router know the same routes`() async throws {
        try await StatusFixture.with { fixture in
            let sources = StatusSources(
                reader: StatusReader(queries: .init(fixture.pool), timeout: .seconds(1)), artifacts: fixture.artifacts,
                registry: fixture.registry, checks: [],
                operations: StatusOperations(actions: .init(fixture.pool), timeout: .seconds(1)))
            let router = try StatusRouter.build(configuration: StatusConfiguration(), sources: sources)
            let served = Set(router.routes.map { "\($0.method.rawValue) \($0.path)" }.filter { $0.contains("/api/") })
            let path = URL(filePath: #filePath).deletingLastPathComponent().appending(
                path: "../../schemas/api/openapi.yaml")
            #expect(try Self.routes(inDocument: String(contentsOf: path, encoding: .utf8)) == served)
            #expect(served.count == 34)
        }
    }

    /// Paths stand two blanks in, their methods four: the layout that the document keeps.
    private static func routes(inDocument text: String) throws -> Set<String> {
        var routes: Set<String> = []
        var path = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("  /"), line.hasSuffix(":") { path = String(line.dropFirst(2).dropLast()) }
            guard !path.isEmpty, line.hasPrefix("    "), !line.hasPrefix("     "), line.hasSuffix(":") else { continue }
            routes.insert("\(line.dropFirst(4).dropLast().uppercased()) \(path)")
            if line.hasPrefix("components") { break }
        }
        return routes.filter { ["GET", "PUT", "POST", "PATCH", "DELETE"].contains($0.prefix { $0 != " " }) }
    }

    @Test func `without Postgres it lives, is not ready, and says so soon`() async throws {
        let nowhere = PostgresConfiguration(
            host: "127.0.0.1", port: 1, database: "none", user: "nobody", tls: .disable, poolSize: 2)
        try await StatusFixture.with(configuration: nowhere, readTimeout: .seconds(1), migrate: false) { fixture in
            #expect(try await fixture.get("/api/v1/health/live").status == 200)
            let start = ContinuousClock.now
            // All at once: each waits for its own time limit.
            async let readiness = fixture.get("/api/v1/health/ready")
            async let list = fixture.get("/api/v1/jobs")
            async let page = fixture.get("/")
            async let scrape = fixture.get("/api/v1/metrics")
            let ready = try await readiness
            #expect(ContinuousClock.now - start < nowhere.acquireTimeout, "the pool would wait for longer")
            #expect(ready.status == 503)
            let checks = ready.json["checks"] as? [String: [String: Any]]
            #expect(checks?["postgres"]?["ok"] as? Bool == false)
            let jobs = try await list
            #expect(jobs.status == 503)
            #expect(jobs.headers[.retryAfter] == "5")
            #expect((jobs.json["remedy"] as? String)?.contains("doctor") == true)
            let html = try await page
            #expect(html.status == 503)
            let metrics = try await scrape
            #expect(metrics.status == 200)
            #expect(metrics.text.contains("rosterline_database_up 0"))
        }
    }

    @Test func `a database without the schema is not ready, and the remedy is to migrate`() async throws {
        try await StatusFixture.with(migrate: false) { fixture in
            let ready = try await fixture.get("/api/v1/health/ready")
            #expect(ready.status == 503)
            let checks = ready.json["checks"] as? [String: [String: Any]]
            #expect((checks?["schema"]?["detail"] as? String)?.contains("rosterline migrate") == true)
            let jobs = try await fixture.get("/api/v1/jobs")
            #expect((jobs.json["remedy"] as? String)?.contains("rosterline migrate") == true)
        }
    }

    @Test func `it is ready when all checks pass, and not when one fails`() async throws {
        try await StatusFixture.with(checks: [ReadinessCheck("rabbitmq") {}]) { fixture in
            let ready = try await fixture.get("/api/v1/health/ready")
            #expect(ready.status == 200)
            #expect((ready.json["checks"] as? [String: Any])?.count == 3)
            let health = try await fixture.get("/api/v1/health")
            #expect(health.status == 200 && health.json["status"] as? String == "ready")
        }
        struct Down: Error {}
        try await StatusFixture.with(checks: [ReadinessCheck("rabbitmq") { throw Down() }]) { fixture in
            let ready = try await fixture.get("/api/v1/health/ready")
            let health = try await fixture.get("/api/v1/health")
            #expect(ready.status == 503 && health.status == 503)
        }
    }

    @Test func `with a token nothing but health is open, and a browser can ask for it`() async throws {
        try await StatusFixture.with(token: "s3cret") { fixture in
            let refused = try await fixture.get("/api/v1/jobs")
            #expect(refused.status == 401)
            #expect(refused.headers[.wwwAuthenticate]?.contains("Basic") == true)
            #expect(try await fixture.get("/").status == 401)
            #expect(try await fixture.get("/api/v1/metrics").status == 401)
            #expect(try await fixture.get("/api/v1/jobs?token=s3cret").status == 401)
            #expect(try await fixture.get("/api/v1/health/ready").status == 200)
            #expect(try await fixture.get("/api/v1/health").status == 200)
            #expect(try await fixture.get("/api/v1/healthy").status == 401)
            let bearer: HTTPFields = [.authorization: "Bearer s3cret"]
            #expect(try await fixture.get("/api/v1/jobs", headers: bearer).status == 200)
            let basic: HTTPFields = [.authorization: "Basic " + Data("me:s3cret".utf8).base64EncodedString()]
            #expect(try await fixture.get("/", headers: basic).status == 200)
            let wrong: HTTPFields = [.authorization: "Bearer s3cret2"]
            #expect(try await fixture.get("/api/v1/jobs", headers: wrong).status == 401)
        }
    }

    @Test func `answers carry a policy without inline scripts, and an id`() async throws {
        try await StatusFixture.with { fixture in
            for path in ["/", "/api/v1/jobs", "/nothing"] {
                let answer = try await fixture.get(path)
                let policy = answer.headers[.contentSecurityPolicy] ?? ""
                #expect(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"))
                #expect(answer.headers[.xContentTypeOptions] == "nosniff")
                #expect(answer.headers[HTTPField.Name("X-Request-Id") ?? .location]?.isEmpty == false)
            }
            let html = try await fixture.get("/").text
            #expect(!html.contains("style=") && !html.contains("onclick") && !html.contains("<style"))
        }
    }

    @Test func `without a token it only reads, and it refuses what is too long`() async throws {
        try await StatusFixture.with { fixture in
            #expect(try await fixture.get("/api/v1/jobs", method: .post).status == 403)
            let put = try await fixture.get("/api/v1/jobs", method: .put)
            #expect(put.status == 405)
            #expect(put.headers[.allow] == "GET, HEAD, POST")
            let long = String(repeating: "x", count: 5000)
            #expect(try await fixture.get("/api/v1/jobs?integration=\(long)").status == 413)
        }
    }

    @Test func `the access log holds routes and no addresses`() async throws {
        let recorder = LogRecorder()
        try await StatusFixture.with(logger: recorder.logger) { fixture in
            _ = try await fixture.get("/api/v1/jobs?institution=hidden-words")
            let lines = recorder.lines.filter { $0.message == "Answered" }
            #expect(lines.first?.metadata["http.route"] == "/api/v1/jobs")
            #expect(lines.first?.level == .debug)
        }
        #expect(!recorder.lines.contains { "\($0.message)\($0.metadata)".contains("hidden-words") })
    }
}
