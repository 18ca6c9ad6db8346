import Foundation
import Schedules
import Testing

@testable import rosterline

@Suite struct ScheduleDescriptionTests {
    private func description(_ schedule: String) throws -> Description {
        try Description(
            yaml: """
                institutions:
                  - slug: district
                    name: District
                    integrations:
                      - slug: nightly
                        name: Nightly
                        source: { kind: oneroster_csv, location: /data }
                        canvas: { address: "https://school.test", token: "env:TOKEN" }
                        mapping: { timeZone: UTC }
                        schedules:
                          - { slug: nightly, cron: "30 2 * * *", timeZone: Europe/Berlin\(schedule) }
                """, name: "file.yaml")
    }

    @Test func `what is left out has its default`() throws {
        let schedule = try #require(try description("").institutions.first?.integrations.first?.schedules?.first)
        let definition = try schedule.definition()
        #expect(definition == ScheduleDefinition(cron: "30 2 * * *", timeZone: "Europe/Berlin"))
        #expect(definition.overlap == .skip && definition.catchUp == CatchUp(.once, window: 6 * 3600))
        #expect(schedule.paused == nil)
    }

    @Test func `everything that a schedule can say is read`() throws {
        let text = """
            , overlap: queue, catchUp: { mode: each, windowHours: 12 }, jitterSeconds: 300, pauseAfterFailures: 3,
            paused: true, blackouts: [{ from: "2027-03-01T22:00", until: "2027-03-05", name: Exams }],
            rolloverPauses: [{ from: "2027-06-20", until: "2027-08-15", name: Summer }]
            """.split(separator: "\n").joined(separator: " ")
        let schedule = try #require(try description(text).institutions.first?.integrations.first?.schedules?.first)
        let definition = try schedule.definition()
        #expect(definition.overlap == .queue)
        #expect(definition.catchUp == CatchUp(.each, window: 12 * 3600))
        #expect(definition.jitterSeconds == 300 && definition.pauseAfterFailures == 3)
        #expect(definition.quiet.map(\.kind) == [.blackout, .rollover])
        #expect(definition.quiet.map(\.from.words) == ["2027-03-01 22:00", "2027-06-20 00:00"])
        #expect(schedule.paused == true)
    }

    @Test(arguments: [
        (", overlap: queu", "skip, queue, cancel, allow"), (", catchUp: { mode: all }", "once, each, none"),
        (", catchUp: { windowHours: 800 }", "catch-up window"), (", catchUp: { window: 5 }", "windowHours"),
        (", jitterSeconds: -1", "jitter"), (", pauseAfterFailures: 0", "failures"),
        (", blackouts: [{ from: \"2027-03-05\", until: \"2027-03-01\", name: Exams }]", "ends before"),
        (", blackouts: [{ from: \"5 March\", until: \"2027-03-01\", name: Exams }]", "local times"),
        (", blackouts: [{ from: \"2027-03-05\", until: \"2027-03-06\" }]", "'name' is missing"),
        (", rolloverPauses: [{ from: \"2027-03-05\", to: \"2027-03-06\", name: x }]", "'to'"),
        (", overlaps: skip", "'overlap'"),
    ])
    func `what it cannot mean is refused with what is allowed`(text: String, hint: String) {
        let error = #expect(throws: ConfigurationError.self) { _ = try description(text) }
        #expect(error?.description.contains(hint) == true, "\(error?.description ?? "")")
    }

    @Test func `a wrong expression is pointed at`() {
        let error = #expect(throws: ConfigurationError.self) {
            _ = try Description(
                yaml: """
                    institutions:
                      - slug: d
                        name: D
                        integrations:
                          - slug: n
                            name: N
                            source: { kind: oneroster_csv, location: /data }
                            canvas: { address: "https://school.test", token: "env:TOKEN" }
                            mapping: { timeZone: UTC }
                            schedules: [{ slug: s, cron: "0 25 * * *", timeZone: UTC }]
                    """, name: "file.yaml")
        }
        #expect(error?.description.contains("Field 2 of 5, the hour") == true)
        #expect(error?.description.contains("character 3") == true)
    }
}
