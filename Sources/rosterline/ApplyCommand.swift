import ArgumentParser
import Conversion
import Foundation
import Jobs
import Postgres
import Scheduler
import Storage
import Yams

/// Stores institutions, integrations and schedules as a file describes them.
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Creates or updates institutions, integrations and schedules from a YAML file; all of it or nothing.")

    @Argument(help: "The YAML file.")
    var file: String

    func run() async throws {
        let description = try Description(contentsOf: file)
        let cluster = try await Cluster(role: "apply")
        try await cluster.withPool("apply") { pool in
            try await pool.withTransaction { transaction in
                let integrations = IntegrationStore(transaction)
                let schedules = ScheduleStore(transaction)
                for institution in description.institutions {
                    let id = try await integrations.put(institution: institution.slug, name: institution.name)
                    for integration in institution.integrations {
                        let owner = try await integrations.put(
                            integration: integration.slug, name: integration.name, institution: id,
                            settings: integration.settings)
                        for schedule in integration.schedules ?? [] {
                            try await schedules.put(
                                schedule.slug, integration: owner, kind: .rosterSync, cron: schedule.cron,
                                timeZone: schedule.timeZone, paused: schedule.paused ?? false,
                                nextAt: try schedule.next())
                        }
                    }
                }
            }
        }
        for institution in description.institutions {
            for integration in institution.integrations {
                print("\(institution.slug)/\(integration.slug): stored")
                for schedule in integration.schedules ?? [] {
                    let next = try schedule.next()?.formatted(.iso8601) ?? "never"
                    print("  \(schedule.slug): \(schedule.cron) (\(schedule.timeZone)), next \(next)")
                }
            }
        }
    }
}

/// What an apply file says.
struct Description: Decodable {
    struct Institution: Decodable {
        let slug: String
        let name: String
        let integrations: [Integration]
    }

    struct Integration: Decodable {
        let slug: String
        let name: String
        let source: IntegrationSettings.Source
        let canvas: IntegrationSettings.CanvasAccount
        let mapping: [String: MappingValue]?
        let schedules: [Schedule]?

        var settings: IntegrationSettings {
            IntegrationSettings(source: source, canvas: canvas, mapping: mapping ?? [:])
        }
    }

    struct Schedule: Decodable {
        let slug: String
        let cron: String
        let timeZone: String
        let paused: Bool?

        /// When it fires next.
        ///
        /// - Throws: `ConfigurationError` that names what is wrong with it.
        func next(after moment: Date = Date()) throws -> Date? {
            guard let zone = TimeZone(identifier: timeZone) else {
                throw ConfigurationError(
                    description:
                        "The schedule '\(slug)' names the time zone '\(timeZone)', which is none. Give an IANA name such as Europe/Berlin."
                )
            }
            do {
                return ScheduleCalculator(expression: try CronExpression(cron), zone: zone).next(after: moment)?.instant
            } catch {
                throw ConfigurationError(description: "The schedule '\(slug)': \(error)")
            }
        }
    }

    let institutions: [Institution]

    /// Reads and checks a file.
    init(contentsOf path: String) throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationError(description: "The file \(path) cannot be read.")
        }
        do {
            self = try YAMLDecoder().decode(Description.self, from: text)
        } catch let error as DecodingError {
            throw ConfigurationError(description: "\(path): \(Self.words(error))")
        } catch {
            throw ConfigurationError(description: "\(path) is no YAML: \(error)")
        }
        for integration in institutions.flatMap(\.integrations) {
            for schedule in integration.schedules ?? [] { _ = try schedule.next() }
            do {
                _ = try JSONDecoder().decode(
                    ConversionRules.self, from: JSONEncoder().encode(integration.mapping ?? [:]))
            } catch let error as DecodingError {
                throw ConfigurationError(description: "The mapping of '\(integration.slug)': \(Self.words(error))")
            }
        }
    }

    private static func words(_ error: DecodingError) -> String {
        func place(_ context: DecodingError.Context) -> String {
            context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context): "'\(key.stringValue)' is missing in \(place(context))."
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            "\(place(context)) cannot be read: \(context.debugDescription)"
        @unknown default: "\(error)"
        }
    }
}
