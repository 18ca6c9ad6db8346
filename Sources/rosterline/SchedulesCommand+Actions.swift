import ArgumentParser
import Foundation
import Jobs
import Postgres
import Schedules
import Storage

extension SchedulesCommand {
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begins a job as the schedule would, now.",
            discussion: "Refused while another job of the integration runs, unless --after or --anyway says otherwise.")

        @OptionGroup var name: ScheduleName

        @Flag(help: "If another job runs, begin when it has ended.")
        var after = false

        @Flag(help: "Begin even beside another job.")
        var anyway = false

        @OptionGroup var keys: JobKeyOptions

        func validate() throws {
            guard !(after && anyway) else { throw ValidationError("--after and --anyway exclude each other.") }
        }

        func run() async throws {
            let cluster = try await Cluster(role: "schedules")
            try await cluster.withPool("schedules") { pool in
                let id = try await name.id(in: StatusQueries(pool))
                let guarded: ScheduleOperations.Guard = after ? .after : anyway ? .anyway : .refuse
                _ = try keys.tell(
                    try await OperatorActions(pool).runSchedule(
                        id, guarded: guarded, key: try keys.jobKey(), by: Operator.name, reason: nil))
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pauses a schedule; what it would have begun is written down and can be backfilled.")

        @OptionGroup var name: ScheduleName

        @Option(
            help: "Goes on by itself then: a local time of the schedule's zone such as 2027-08-15 or 2027-08-15T06:30.")
        var until: String?

        @OptionGroup var why: ReasonOption

        func validate() throws {
            if let until, LocalMinute(until) == nil {
                throw ValidationError("'\(until)' is no local time; give it as 2027-08-15 or 2027-08-15T06:30.")
            }
        }

        func run() async throws {
            let cluster = try await Cluster(role: "schedules")
            try await cluster.withPool("schedules") { pool in
                let queries = StatusQueries(pool)
                let id = try await name.id(in: queries)
                let zone =
                    try await queries.schedule(id).flatMap { TimeZone(identifier: $0.definition.timeZone) } ?? .gmt
                let end = until.flatMap(LocalMinute.init).map { LocalTime.moment($0, in: zone) }
                try await OperatorActions(pool).pauseSchedule(
                    id, until: end, by: Operator.name, reason: why.reason)
                print("Paused\(end.map { " until \(LocalTime.text($0, in: zone))" } ?? " until it is resumed").")
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ends a schedule's pause.")

        @OptionGroup var name: ScheduleName

        func run() async throws {
            let cluster = try await Cluster(role: "schedules")
            try await cluster.withPool("schedules") { pool in
                let id = try await name.id(in: StatusQueries(pool))
                let wasPaused = try await OperatorActions(pool).resumeSchedule(id, by: Operator.name, reason: nil)
                print(wasPaused ? "Resumed." : "It was not paused.")
            }
        }
    }

    struct Backfill: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begins what a range of dates should have begun and did not.",
            discussion: "Without --confirm it only shows what it would begin. The jobs run one after the other.")

        @OptionGroup var name: ScheduleName

        @Option(help: "The first local date, such as 2027-03-01.")
        var from: String

        @Option(help: "The last local date.")
        var to: String

        @Option(help: "Begin them, if there are exactly so many.")
        var confirm: Int?

        func validate() throws {
            for text in [from, to] where CivilDate(text) == nil {
                throw ValidationError("'\(text)' is no date; give it as 2027-03-01.")
            }
        }

        func run() async throws {
            guard let first = CivilDate(from), let last = CivilDate(to) else { return }
            let cluster = try await Cluster(role: "schedules")
            try await cluster.withPool("schedules") { pool in
                let id = try await name.id(in: StatusQueries(pool))
                if let confirm {
                    let jobs = try await OperatorActions(pool).backfillSchedule(
                        id, from: first, through: last, expected: confirm, by: Operator.name, reason: nil)
                    for job in jobs { print("Job \(job)") }
                    return
                }
                let plan = try await OperatorActions(pool).backfillPlan(of: id, from: first, through: last)
                for occurrence in plan { print("\(occurrence.date) \(occurrence.clock)") }
                print(
                    plan.isEmpty
                        ? "Nothing to begin: each occurrence of the range has begun a job, or is still to come."
                        : "\(plan.count) to begin, one after the other. To do it, add --confirm \(plan.count)")
            }
        }
    }
}
