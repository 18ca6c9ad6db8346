import EngineTestSupport
import Foundation
import Jobs
import Postgres
import Storage
import TestSupport
import Testing

@testable import rosterline

@Suite(.postgres, .timeLimit(.minutes(5)))
struct ApplyOrderTests {
    private func text(
        name: String = "Brook", limits: String = "{weight: 3}", location: String = "https://sis.example/roster.zip",
        mapping: String = "{timeZone: UTC}", cron: String = "30 2 * * *", more: String = ""
    ) -> String {
        """
        institutions:
          - slug: brook
            name: \(name)
            limits: \(limits)
            integrations:
              - slug: roster
                name: Roster
                source: { kind: oneroster_csv, location: "\(location)", token: "env:SIS" }
                canvas: { address: "https://brook.example", token: "file:/run/tokens/brook" }
                mapping: \(mapping)
                schedules: [{ slug: nightly, cron: "\(cron)", timeZone: Europe/Berlin\(more) }]
        """
    }

    /// Applies a text, and answers with what was said and the lines that the audit gained.
    private func apply(_ text: String, to database: EngineDatabase) async throws -> (said: [String], lines: [AuditRow])
    {
        let store = AuditStore(database.pool)
        let head = try await store.head()?.seq ?? 0
        let description = try Description(yaml: text, name: "file.yaml")
        let outcomes = try await database.pool.withTransaction {
            try await ApplyOrder.store(description, by: "ana (command line)", now: Date(), in: $0)
        }
        return (outcomes.map(\.description), try await store.batch(after: head))
    }

    private func values(_ json: String?) throws -> [String: String] {
        try JSONDecoder().decode([String: String].self, from: Data(try #require(json).utf8))
    }

    @Test func `what is new is written down with all its values, and again with none`() async throws {
        try await EngineDatabase.with { database in
            let (said, lines) = try await apply(text(), to: database)
            #expect(
                said == [
                    "institution brook: created", "integration brook/roster: created",
                    "schedule brook/roster/nightly: created",
                ])
            #expect(lines.map(\.action) == ["institution.apply", "integration.apply", "schedule.apply"])
            #expect(
                lines.map(\.subject) == [
                    "institution brook", "integration brook/roster", "schedule brook/roster/nightly",
                ])
            #expect(lines.allSatisfy { $0.actor == "ana (command line)" && $0.before == nil })
            let institution = try values(lines[0].after)
            #expect(institution["limits.weight"] == "3" && institution["limits.concurrentSteps"] == "8")
            let integration = try values(lines[1].after)
            #expect(integration["source.token"] == "env:SIS" && integration["mapping.timeZone"] == #""UTC""#)
            let schedule = try values(lines[2].after)
            #expect(schedule["cron"] == "30 2 * * *" && schedule["paused"] == "false")
            let again = try await apply(text(), to: database)
            #expect(again.lines.isEmpty)
            #expect(again.said.allSatisfy { $0.hasSuffix(": unchanged") } && again.said.count == 3)
        }
    }

    @Test func `what changes is written down with what it was, and nothing else is`() async throws {
        try await EngineDatabase.with { database in
            _ = try await apply(text(), to: database)
            let limits = try await apply(text(limits: "{stepsPerMinute: 60}"), to: database)
            #expect(limits.said.first == "institution brook: changed" && limits.lines.count == 1)
            #expect(
                try values(limits.lines.first?.before) == ["limits.weight": "3", "limits.stepsPerMinute": "none"])
            #expect(
                try values(limits.lines.first?.after) == ["limits.weight": "1", "limits.stepsPerMinute": "60"])
            let mapping = try await apply(text(limits: "{stepsPerMinute: 60}", mapping: "{}"), to: database)
            #expect(mapping.lines.map(\.action) == ["integration.apply"])
            #expect(try values(mapping.lines.first?.before) == ["mapping.timeZone": #""UTC""#])
            #expect(try values(mapping.lines.first?.after).isEmpty)
            let schedule = try await apply(
                text(
                    limits: "{stepsPerMinute: 60}", mapping: "{}", cron: "0 3 * * *",
                    more: ", paused: true, overlap: queue"),
                to: database)
            #expect(schedule.lines.map(\.action) == ["schedule.apply"])
            #expect(
                try values(schedule.lines.first?.before) == [
                    "cron": "30 2 * * *", "overlap": "skip", "paused": "false",
                ])
            #expect(
                try values(schedule.lines.first?.after) == ["cron": "0 3 * * *", "overlap": "queue", "paused": "true"])
        }
    }

    @Test func `a pause that the file does not speak of is no change`() async throws {
        try await EngineDatabase.with { database in
            _ = try await apply(text(more: ", paused: true"), to: database)
            #expect(try await apply(text(), to: database).lines.isEmpty)
            let resumed = try await apply(text(more: ", paused: false"), to: database)
            #expect(try values(resumed.lines.first?.before) == ["paused": "true"])
            #expect(try await apply(text(), to: database).lines.isEmpty)
        }
    }

    @Test func `a secret in an address is not written down, but that it changed is`() async throws {
        try await EngineDatabase.with { database in
            let first = try await apply(
                text(location: "https://ana:s3-a@sis.example/r.zip?key=s3-b#s3-c"), to: database)
            let second = try await apply(text(location: "https://ana:s3-d@sis.example/r.zip?key=s3-e"), to: database)
            #expect(second.said[1] == "integration brook/roster: changed" && second.lines.count == 1)
            for line in first.lines + second.lines {
                let written = "\(line.before ?? "") \(line.after ?? "")"
                #expect(!written.contains("s3-") && !written.contains("ana:"))
            }
            #expect(try values(first.lines[1].after)["source.location"] == "https://hidden@sis.example/r.zip?hidden")
            #expect(try values(second.lines[0].after).keys.sorted() == ["hidden"])
        }
    }

    @Test func `a file that cannot be stored leaves neither rows nor lines`() async throws {
        try await EngineDatabase.with { database in
            let description = try Description(yaml: text(), name: "file.yaml")
            await #expect(throws: CancellationError.self) {
                try await database.pool.withTransaction {
                    _ = try await ApplyOrder.store(description, by: "ana", now: Date(), in: $0)
                    throw CancellationError()
                }
            }
            #expect(try await AuditStore(database.pool).head() == nil)
            #expect(try await IntegrationStore(database.pool).all().map(\.institution) == ["school"])
        }
    }

    @Test(arguments: [
        ("/data/roster.zip", "/data/roster.zip"), ("https://a.example/b", "https://a.example/b"),
        ("https://u@a.example", "https://hidden@a.example"), ("https://", "an address that is not shown"),
    ])
    func `of an address host and path are shown`(text: String, shown: String) {
        #expect(AppliedValues.address(text) == shown)
    }
}
