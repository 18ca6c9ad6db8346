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
        let outcomes = try await cluster.withPool("apply") { pool in
            try await pool.withTransaction {
                try await ApplyOrder.store(description, by: Operator.name, now: now, in: $0)
            }
        }
        for outcome in outcomes { print(outcome) }
        for institution in description.institutions {
            for integration in institution.integrations {
                for schedule in integration.schedules ?? [] {
                    let words = ScheduleWords(try schedule.definition().rules(), after: now, count: 1)
                    let next = words.next.first?.local ?? "never"
                    print(
                        "\(integration.slug)/\(schedule.slug): \(words.expression) (\(schedule.timeZone)), next \(next)"
                    )
                }
            }
        }
    }
}
