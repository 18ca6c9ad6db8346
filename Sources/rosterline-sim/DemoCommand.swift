import ArgumentParser
import Foundation
import Glibc
import LocalServers
import Logging
import Simulators
import UnixSignals

/// One night on this machine: private servers, simulators, the real program's processes, and tonight's sync now.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Runs one night on this machine: private servers, a simulated Canvas, the real program.")

    @Option(help: "Path of the rosterline program.")
    var program = ".build/debug/rosterline"

    @Option(help: "Folder for logs and files; emptied first.")
    var folder = ".rosterline"

    @Option(help: "A OneRoster zip or folder instead of the synthetic district.")
    var roster: String?

    @Option(help: "People in the synthetic district.")
    var people = 5_000

    @Option(help: "Enrolments in the synthetic district.")
    var enrolments = 30_000

    @Option(help: "How many workers.")
    var workers = 2

    @Flag(help: "End when the sync has ended, with its exit code.")
    var once = false

    func run() async throws {
        let folder = URL(fileURLWithPath: folder).path
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let canvas = try CanvasSimulator(settings: Self.canvasSettings, logger: Serving.logger)
        let source = try await Source(roster: roster, people: people, enrolments: enrolments, folder: folder)
        let status = try await canvas.whileServing { canvasAddress in
            try await source.whileServing { location in
                let night = Night(
                    program: program, folder: folder, canvas: canvasAddress, location: location, workers: workers,
                    once: once)
                return try await night.run()
            }
        }
        guard status == 0 else { throw ExitCode(status) }
    }

    /// Fast, but slow enough to be watched.
    private static var canvasSettings: CanvasSettings {
        var settings = CanvasSettings()
        settings.rowsPerSecond = 15_000
        return settings
    }
}

/// Where the night's roster comes from.
private struct Source: Sendable {
    private let path: String?
    private let server: OneRosterServer?

    init(roster: String?, people: Int, enrolments: Int, folder: String) async throws {
        if let roster {
            guard FileManager.default.fileExists(atPath: roster) else {
                throw ValidationError("There is no roster at \(roster).")
            }
            path = URL(fileURLWithPath: roster).path
            server = nil
        } else {
            say("Writing a district of \(people) people and \(enrolments) enrolments …")
            let rosters = folder + "/rosters"
            try FileManager.default.createDirectory(atPath: rosters, withIntermediateDirectories: true)
            _ = try SyntheticDistrict(people: people, enrolments: enrolments).write(toZip: rosters + "/district.zip")
            path = nil
            server = OneRosterServer(folder: rosters, port: 0, token: nil, logger: Serving.logger)
        }
    }

    func whileServing<T: Sendable>(_ body: @escaping @Sendable (String) async throws -> T) async throws -> T {
        if let path { return try await body(path) }
        guard let server else { throw ValidationError("There is no roster.") }
        return try await server.whileServing { try await body("\($0)/rosters/district.zip") }
    }
}

/// The cluster of the demo, and what is done with it.
private struct Night: Sendable {
    let program: String
    let folder: String
    let canvas: String
    let location: String
    let workers: Int
    let once: Bool

    /// - Returns: the exit code of the sync.
    func run() async throws -> Int32 {
        say("Starting a private Postgres and a private RabbitMQ …")
        let port = try LocalServerPort.free()
        let cluster = try await LocalCluster.start(
            in: folder, serverFolder: folder + "/servers", program: program,
            settings: [
                "ROSTERLINE_STATUS_PORT": "\(port)", "ROSTERLINE_POLLING_INTERVAL_SECONDS": "0.5",
                "ROSTERLINE_IMPORT_SETTLE_SECONDS": "5", "ROSTERLINE_DISPATCHER_INTERVAL_SECONDS": "0.2",
                "DEMO_CANVAS_TOKEN": "simulator-token", "ROSTERLINE_LOG_LEVEL": "info",
            ])
        let status: Int32
        do {
            try await begin(cluster)
            status = try await sync(cluster)
            say("\nStatus pages: http://127.0.0.1:\(port)/")
            say("Logs and files: \(folder)")
            if !once {
                say("Everything stays up until Ctrl-C.")
                await Self.signal()
            }
        } catch {
            try? await cluster.stop()
            throw error
        }
        try await cluster.stop()
        return status
    }

    private func begin(_ cluster: LocalCluster) async throws {
        let description = folder + "/demo.yaml"
        try Self.description(location: location, canvas: canvas).write(
            toFile: description, atomically: true, encoding: .utf8)
        say(try await cluster.run(["apply", description]))
        say("Starting a scheduler, \(workers) workers and the status service …\n")
        try await cluster.start("scheduler", as: "scheduler")
        for number in 1...max(1, workers) { try await cluster.start("worker", as: "worker-\(number)") }
        try await cluster.start("status", as: "status")
    }

    /// Runs tonight's sync now, with its progress on this terminal.
    private func sync(_ cluster: LocalCluster) async throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["sync", "demo/district", "--wait", "--timeout", once ? "600" : "86400"]
        process.environment = Dictionary(
            uniqueKeysWithValues: await cluster.environment.map {
                let parts = $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(parts[0]), String(parts.last ?? ""))
            })
        let (statuses, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = {
            continuation.yield($0.terminationStatus)
            continuation.finish()
        }
        try process.run()
        for await status in statuses {
            let ended = await cluster.ended()
            for name in ended { say("The process '\(name)' has ended; read \(folder)/log/\(name).log.") }
            return ended.isEmpty ? status : max(status, 1)
        }
        return 1
    }

    private static func signal() async {
        for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return }
    }

    private static func description(location: String, canvas: String) -> String {
        """
        institutions:
          - slug: demo
            name: Demo Unified School District
            integrations:
              - slug: district
                name: District roster
                source:
                  kind: oneroster_csv
                  location: "\(location)"
                canvas:
                  address: "\(canvas)"
                  account: self
                  token: env:DEMO_CANVAS_TOKEN
                mapping:
                  timeZone: America/Los_Angeles
                schedules:
                  - slug: nightly
                    cron: "30 2 * * *"
                    timeZone: America/Los_Angeles

        """
    }
}

/// Prints at once: lines of ours and of the programs that we start shall come in the order in which they were written.
private func say(_ line: String) {
    print(line)
    fflush(nil)
}
