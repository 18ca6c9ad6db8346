import ArgumentParser
import Foundation
import Schedules
import Storage

/// Looks at schedules and steers them.
struct SchedulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedules", abstract: "Looks at schedules; runs, pauses, resumes and backfills them.",
        subcommands: [List.self, Show.self, Run.self, Pause.self, Resume.self, Backfill.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists schedules in the order of their creation.")

        @Option(help: "How many; 1 to 200.")
        var limit: Int = 50

        @Option(help: "Go on after this id.")
        var after: Int64?

        func validate() throws {
            guard (1...StatusQueries.largestPage).contains(limit) else {
                throw ValidationError("--limit is 1 to \(StatusQueries.largestPage).")
            }
        }

        func run() async throws {
            let cluster = try await Cluster(role: "schedules")
            try await cluster.withPool("schedules") { pool in
                let page = try await StatusQueries(pool).schedules(after: after, limit: limit)
                if page.rows.isEmpty { print("No schedules.") }
                for view in page.rows { print(ScheduleText(view, now: Date()).line) }
                if page.hasMore, let last = page.rows.last {
                    print("More: rosterline schedules list --after \(last.id)")
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Explains one schedule: its rules, next occurrences, odd nights and last occurrences.")

        @OptionGroup var name: ScheduleName

        @Option(help: "How many of the last occurrences; 1 to 200.")
        var limit: Int = 10

        func run() async throws {
            let cluster = try await Cluster(role: "schedules")
            try await cluster.withPool("schedules") { pool in
                let queries = StatusQueries(pool)
                let id = try await name.id(in: queries)
                guard let view = try await queries.schedule(id) else { return }
                print(ScheduleText(view, now: Date()).details)
                for occurrence in try await queries.occurrences(of: id, limit: limit) {
                    print(ScheduleText.line(occurrence, zone: view.definition.timeZone))
                }
            }
        }
    }
}

/// The schedule that a command is about.
struct ScheduleName: ParsableArguments {
    @Argument(help: "The schedule, as institution/integration/schedule.")
    var schedule: String

    private var parts: [String] { schedule.split(separator: "/", omittingEmptySubsequences: false).map(String.init) }

    func validate() throws {
        guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else {
            throw ValidationError("'\(schedule)' must have the form institution/integration/schedule.")
        }
    }

    /// - Throws: `StorageError` with `.notFound`.
    func id(in queries: StatusQueries) async throws -> Int64 {
        let found = try await queries.schedule(institution: parts[0], integration: parts[1], slug: parts[2])
        guard let found else {
            throw StorageError(
                .notFound, "There is no schedule '\(schedule)'; 'rosterline schedules list' shows those that there are."
            )
        }
        return found
    }
}
