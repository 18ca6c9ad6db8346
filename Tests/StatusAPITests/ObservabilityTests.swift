import Foundation
import HTTPTypes
import Jobs
import LocalServers
import Logging
import Metrics
import NIOConcurrencyHelpers
import Observability
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct LogHandlerTests {
    private struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private static func lines(
        _ format: Observability.LogFormat, _ body: (inout Logger) -> Void
    ) -> [String] {
        let lines = NIOLockedValueBox<[String]>([])
        let output = LogOutput { line in lines.withLockedValue { $0.append(line) } }
        var logger = Logger(label: "worker") { label in
            Observability.logHandler(label: label, level: .info, format: format, service: "worker", output: output)
        }
        body(&logger)
        return lines.withLockedValue { $0 }
    }

    @Test func `a record is one line of JSON with flat fields`() throws {
        let lines = Self.lines(.json) { logger in
            logger[metadataKey: "job.id"] = "42"
            logger.debug("not written")
            logger.warning(
                "Say \"hi\"\nand more \u{1}",
                metadata: ["outer": ["inner": "Zoë"], "list": ["a", "b"], "level": "forged"])
        }
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        #expect(line.firstIndex(of: "\n") == line.index(before: line.endIndex))
        let json = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(json["message"] == "Say \"hi\"\nand more \u{1}")
        #expect(json["level"] == "warning")
        #expect(json["service"] == "worker")
        #expect(json["job.id"] == "42")
        #expect(json["outer.inner"] == "Zoë")
        #expect(json["list.1"] == "b")
        #expect(json["time"]?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    }

    @Test(arguments: Observability.LogFormat.allCases)
    func `what a key gives away is not written`(format: Observability.LogFormat) {
        let lines = Self.lines(format) { logger in
            logger.info(
                "Connected",
                metadata: ["canvas.token": "tok-123", "db": ["password": "pw-123"], "userEmail": "ana@example.org"])
        }
        let text = lines.joined()
        #expect(!text.contains("tok-123") && !text.contains("pw-123") && !text.contains("ana@example.org"))
        #expect(text.contains("[redacted]"))
    }

    @Test(arguments: [
        ("password", true), ("dbPassword", true), ("api_key", true), ("Authorization", true), ("family_name", true),
        ("canvas.accessToken", true), ("job.id", false), ("fencing_token", false), ("file_name", false),
        ("tokens", false),
        ("secretary", false),
    ])
    func `keys are judged by their words`(key: String, isHidden: Bool) {
        #expect(Redaction.hides(key: key) == isHidden)
    }

    @Test func `a line for people cannot be forged by a value`() {
        let lines = Self.lines(.text) { logger in
            logger.info("Done", metadata: ["file": "a\n12:00:00 error Forged", "n": "1"])
        }
        #expect(lines.count == 1)
        #expect(lines.first?.filter { $0 == "\n" }.count == 1)
        #expect(lines.first?.hasSuffix(" n=1\n") == true)
    }
}

@Suite(.timeLimit(.minutes(5)))
struct PrometheusTests {
    @Test func `the names of swift-metrics become names of Prometheus`() {
        let registry = PrometheusRegistry(help: ["worker.steps": "Steps that ended."])
        Counter(label: "worker.steps", dimensions: [("kind", "a\"b\\c\nd")], factory: registry).increment(by: 3)
        Meter(label: "pool.connections", factory: registry).set(4)
        Metrics.Timer(label: "step.time", factory: registry).recordNanoseconds(2_000_000_000)
        let text = registry.text()
        #expect(text.contains("# HELP worker_steps_total Steps that ended.\n# TYPE worker_steps_total counter\n"))
        #expect(text.contains("worker_steps_total{kind=\"a\\\"b\\\\c\\nd\"} 3\n"))
        #expect(text.contains("pool_connections 4\n"))
        #expect(text.contains("step_time_seconds_bucket{le=\"1\"} 0\n"))
        #expect(text.contains("step_time_seconds_bucket{le=\"2.5\"} 1\n"))
        #expect(text.contains("step_time_seconds_sum 2\n"))
        #expect(text.contains("step_time_seconds_count 1\n"))
    }

    @Test func `a careless label costs precision, not memory`() {
        let registry = PrometheusRegistry(seriesLimit: 10)
        for index in 0..<1000 {
            Counter(label: "c", dimensions: [("id", "\(index)")], factory: registry).increment()
        }
        let samples = registry.text().split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(samples.count == 11)
        #expect(samples.contains("c_total{id=\"other\"} 990"))
    }

    @Test func `a counter never falls, and a taken name keeps its kind`() {
        let registry = PrometheusRegistry()
        let counter = Counter(label: "c", factory: registry)
        counter.increment(by: 2)
        counter.increment(by: -1)
        Meter(label: "c_total", factory: registry).set(99)
        #expect(registry.text().contains("c_total 2\n"))
        #expect(!registry.text().contains("99"))
    }
}

@Suite(.postgres, .timeLimit(.minutes(5)))
struct MetricsRouteTests {
    @Test func `promtool finds nothing wrong with the metrics`() async throws {
        try await StatusFixture.with { fixture in
            Counter(label: "worker.steps", dimensions: [("outcome", "completed")], factory: fixture.registry)
                .increment()
            Metrics.Timer(label: "worker.step.duration", factory: fixture.registry).recordSeconds(1.5)
            let rows = SampleRows(database: fixture.pool)
            let job = try await rows.job(try await rows.integration())
            try await rows.step(job, 1, .extract, .running)
            try await fixture.pool.execute("UPDATE step SET leased_until = now() - interval '1 s'")
            for ordinal in 2...3 { try await rows.step(job, ordinal, .convert, .failed) }
            // One is seen to.
            try await fixture.pool.execute(
                """
                UPDATE step SET dead_group = 1, discarded_at = CASE ordinal WHEN 2 THEN now() END WHERE state = 'failed'
                """)
            try await fixture.pool.execute(
                """
                INSERT INTO outbox (job_id, ordinal, institution_id, integration_id, job_kind, kind, priority, due_at)
                SELECT id, n, institution_id, integration_id, kind, 'convert', 10, now() - interval '90 s'
                FROM job, generate_series(1, 2) AS n WHERE id = \(job)
                """
            )
            try await fixture.pool.execute("UPDATE outbox SET rung_at = now() WHERE ordinal = 1")
            let answer = try await fixture.get("/api/v1/metrics")
            #expect(answer.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(answer.text.contains("rosterline_steps{state=\"running\"} 1\n"))
            #expect(answer.text.contains("rosterline_steps{state=\"failed\"} 1\n"))
            #expect(answer.text.contains("rosterline_expired_leases 1\n"))
            #expect(answer.text.contains("rosterline_outbox_depth 1\n"))
            #expect(answer.text.contains("rosterline_outbox_oldest_age_seconds 9"))
            let path = fixture.folder + "/metrics.txt"
            try Data(answer.bytes).write(to: URL(filePath: path))
            // promtool reads standard input alone; it comes with the package prometheus.
            let (status, output) = try await LocalServerProcess.run([
                "sh", "-c", "promtool check metrics < '\(path)' 2>&1",
            ])
            #expect(status == 0, "apt-get install prometheus, if promtool is missing: \(output)")
            #expect(output.isEmpty)
        }
    }
}
