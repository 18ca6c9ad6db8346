import ArgumentParser
import Foundation
import Jobs
import Storage

/// Looks at jobs, ends them, runs them again.
struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "Looks at jobs, ends them, runs them again.",
        subcommands: [List.self, Show.self, Cancel.self, Retry.self, RunAgain.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists jobs, the newest first.")

        @Option(help: "How many; 1 to 200.")
        var limit: Int = 20

        @Option(help: "Go on below this job id.")
        var before: String?

        func validate() throws {
            guard (1...StatusQueries.largestPage).contains(limit) else {
                throw ValidationError("--limit is 1 to \(StatusQueries.largestPage).")
            }
            if let before, JobID(before) == nil { throw ValidationError("'\(before)' is no job id.") }
        }

        func run() async throws {
            let cursor = before.flatMap { JobID($0) }
            let cluster = try await Cluster(role: "jobs")
            try await cluster.withPool("jobs") { pool in
                let page = try await StatusQueries(pool).jobs(before: cursor, limit: limit)
                if page.rows.isEmpty { print("No jobs.") }
                for job in page.rows {
                    print(
                        "\(job.id)  \(job.createdAt.formatted(.iso8601))  \(job.state.title)  \(job.institution.slug)/\(job.integration.slug)"
                    )
                }
                if page.hasMore, let last = page.rows.last { print("More: rosterline jobs list --before \(last.id)") }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one job: its steps, attempts and files.")

        @Argument(help: "The job's id.")
        var id: String

        func validate() throws {
            guard JobID(id) != nil else { throw ValidationError("'\(id)' is no job id.") }
        }

        func run() async throws {
            guard let job = JobID(id) else { return }
            let cluster = try await Cluster(role: "jobs")
            try await cluster.withPool("jobs") { pool in
                guard let details = try await StatusQueries(pool).details(of: job) else {
                    throw StorageError(.notFound, "There is no job \(job).")
                }
                for step in details.steps {
                    print("\(step.ordinal). \(step.title): \(step.state.rawValue), \(step.percent) %")
                    for attempt in details.attempts where attempt.ordinal == step.ordinal {
                        let end = attempt.outcome ?? "running"
                        print(
                            "   attempt \(attempt.token) by \(attempt.worker), \(attempt.startedAt.formatted(.iso8601)): \(end)"
                        )
                    }
                    for file in details.artifacts where file.ordinal == step.ordinal {
                        let hash = file.sha256.map { String(format: "%02x", $0) }.joined()
                        print("   \(file.name), \(file.bytes) bytes, sha256 \(hash)")
                    }
                }
                JobWatcher(queries: StatusQueries(pool)).summarize(details)
            }
        }
    }
}
