internal import ArgumentParser
internal import Foundation

/// Measures the job engine beside its peers, all in one run.
struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Measures the job engine beside its peers: drain, statements, enqueue, latency, growth, schedules.",
        discussion: """
            Starts a private Postgres and a private RabbitMQ at their default settings, and makes a virtual environment \
            with the peers. Numbers of two machines cannot be compared; the ratios of one run can. Build it with \
            optimisation: swift run -c release rosterline-bench jobs
            """)

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case drain, statements, enqueue, latency, growth, schedules
    }

    @Option(help: "Jobs of a drain; slower peers get a part of them.")
    var jobs = 100_000

    @Option(help: "Runs of each measurement; the medians are shown.")
    var runs = 3

    @Option(
        help: """
            Who takes part, with commas: engine, engine-limited, c-engine-sql, c, pika, dramatiq, procrastinate, celery.
            """)
    var peers = Contestant.allCases.map(\.rawValue).joined(separator: ",")

    @Option(help: "What is measured, with commas: drain, statements, enqueue, latency, growth, schedules.")
    var only = Part.allCases.map(\.rawValue).joined(separator: ",")

    @Option(help: "Finished jobs that growth is measured beside.")
    var finished = 10_000_000

    @Option(help: "Waiting jobs that growth is measured beside.")
    var waiting = 1_000_000

    @Option(help: "Schedules of which none or 100 are due.")
    var schedules = 100_000

    @Flag(help: "A hundredth of everything, once: to see that it works, not how fast.")
    var quick = false

    @Option(help: "Folder for the peers' virtual environment and for logs.")
    var cache = ".build/bench-jobs"

    @Option(help: "A file for the numbers as JSON.")
    var json: String?

    func run() async throws {
        let parts = try Self.list(only, of: Part.self)
        let contestants = try Self.list(peers, of: Contestant.self)
        let folder = URL(fileURLWithPath: cache).path
        let logs = folder + "/logs"
        try? FileManager.default.removeItem(atPath: logs)
        try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        let environment =
            contestants.contains(where: \.isPeer) ? try await PeerEnvironment.prepare(in: folder + "/peers") : nil
        var report = JobsReport(command: CommandLine.arguments.dropFirst().joined(separator: " "))
        try await JobsScene.with(peers: environment, folder: logs) { scene in
            report.machine = try await Machine.describe(scene)
            print(report.machine.text)
            fflush(nil)
            let session = JobsSession(
                scene: scene, contestants: contestants, jobs: quick ? max(1000, jobs / 100) : jobs,
                runs: quick ? 1 : runs, latencySeconds: quick ? 2 : 10, finished: quick ? finished / 100 : finished,
                waiting: quick ? waiting / 100 : waiting, schedules: quick ? schedules / 100 : schedules)
            for part in Part.allCases where parts.contains(part) {
                switch part {
                case .drain: try await session.drain(&report)
                case .statements: try await session.statements(&report)
                case .enqueue: try await session.enqueue(&report)
                case .latency: try await session.latency(&report)
                case .growth: try await session.growth(&report)
                case .schedules: try await session.schedules(&report)
                }
            }
        }
        print("\n" + report.text)
        if let json { try report.json.write(toFile: json, atomically: true, encoding: .utf8) }
    }

    private static func list<Word: RawRepresentable<String>>(_ text: String, of type: Word.Type) throws -> [Word] {
        try text.split(separator: ",").map { name in
            guard let word = Word(rawValue: String(name)) else { throw ValidationError("'\(name)' is not known here.") }
            return word
        }
    }
}

extension Contestant: ExpressibleByArgument {}
