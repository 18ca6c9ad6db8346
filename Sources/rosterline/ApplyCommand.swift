import ArgumentParser
import Foundation
import Jobs
import Postgres
import Schedules
import Storage

/// Stores institutions, integrations and schedules as a file describes them.
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Creates or updates institutions, integrations and schedules from a YAML file; all of it or nothing.")

    @Argument(help: "The YAML file.")
    var file: String

    func run() async throws {
        let description = try Description(contentsOf: file)
        let now = Date()
        let cluster = try await Cluster(role: "apply")
        try await cluster.withPool("apply") { pool in
            try await pool.withTransaction { transaction in
                let integrations = IntegrationStore(transaction)
                let schedules = ScheduleStore(transaction)
                for institution in description.institutions {
                    let id = try await integrations.put(institution: institution.slug, name: institution.name)
                    try await integrations.put(
                        institution.limits?.dispatch ?? DispatchLimits(), institution: id)
                    for integration in institution.integrations {
                        let owner = try await integrations.put(
                            integration: integration.slug, name: integration.name, institution: id,
                            settings: integration.settings)
                        for schedule in integration.schedules ?? [] {
                            let definition = try schedule.definition()
                            let key = ScheduleStore.Stored.key(integration: owner, slug: schedule.slug)
                            let next = try definition.rules().next(after: now, key: key)
                            try await schedules.put(
                                schedule.slug, integration: owner, kind: .rosterSync, definition: definition,
                                paused: schedule.paused,
                                next: .init(planned: next?.occurrence.instant, start: next?.start))
                        }
                    }
                }
            }
        }
        for institution in description.institutions {
            for integration in institution.integrations {
                print("\(institution.slug)/\(integration.slug): stored")
                for schedule in integration.schedules ?? [] {
                    let words = ScheduleWords(try schedule.definition().rules(), after: now, count: 1)
                    let next = words.next.first?.local ?? "never"
                    print("  \(schedule.slug): \(words.expression) (\(schedule.timeZone)), next \(next)")
                }
            }
        }
    }
}
