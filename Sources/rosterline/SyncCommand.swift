import ArgumentParser
import Foundation
import Jobs
import Postgres
import Storage

/// Starts a sync now.
struct SyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Starts a roster sync of an integration now.")

    @Argument(help: "The integration, as institution/integration.")
    var integration: String

    @Flag(
        help:
            "Show progress until the job has ended; exit 0 if it is complete, also with warnings, 1 if it failed, was held or cancelled."
    )
    var wait = false

    @Option(help: "With --wait: give up waiting after so many seconds (the job goes on); exit 2.")
    var timeout: Int = 86_400

    @Flag(help: "Begin when the sync that is under way has ended.")
    var after = false

    @Flag(help: "Begin beside a sync that is under way.")
    var anyway = false

    @OptionGroup var keys: JobKeyOptions

    private var parts: [Substring] { integration.split(separator: "/") }

    func validate() throws {
        guard parts.count == 2 else {
            throw ValidationError("'\(integration)' must have the form institution/integration.")
        }
        guard !(after && anyway) else { throw ValidationError("--after and --anyway exclude each other.") }
    }

    func run() async throws {
        let cluster = try await Cluster(role: "sync")
        try await cluster.withPool("sync") { pool in
            let id = try await IntegrationStore(pool).id(institution: String(parts[0]), integration: String(parts[1]))
            let job = try keys.tell(
                try await OperatorActions(pool).begin(
                    .rosterSync, of: id, called: integration, guarded: after ? .after : anyway ? .anyway : .refuse,
                    key: try keys.jobKey(), by: Operator.name))
            guard wait else { return }
            let watcher = JobWatcher(queries: StatusQueries(pool))
            guard let state = try await watcher.watch(job, for: .seconds(timeout)) else {
                print("The job has not ended yet; look again with 'rosterline jobs show \(job)'.")
                throw ExitCode(2)
            }
            guard state == .completed || state == .warning else { throw ExitCode(1) }
        }
    }
}
