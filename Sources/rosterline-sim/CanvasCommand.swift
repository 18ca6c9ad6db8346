import ArgumentParser
import Simulators

/// `rosterline-sim canvas`
struct CanvasCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "canvas", abstract: "Play a Canvas that takes SIS imports.")

    @Option(help: "The port on 127.0.0.1; 0 picks a free one.")
    var port = 0

    @Option(help: "An access token that may import; may be given more than once.")
    var token: [String] = ["simulator-token"]

    @Option(help: "How many rows an import processes in a second; without it as fast as possible.")
    var rowsPerSecond: Double?

    @Option(help: "Seconds that a new import waits before it begins.")
    var startDelay = 0.0

    @Option(help: "Seconds that the queue rests after a running import was aborted.")
    var restAfterAbort = 600.0

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("A port is a number from 0 to 65535.") }
        guard rowsPerSecond.map({ $0 > 0 }) ?? true else {
            throw ValidationError("The rows per second must be more than 0.")
        }
    }

    func run() async throws {
        var settings = CanvasSettings()
        settings.port = port
        settings.tokens = Dictionary(token.map { ($0, .importer) }) { first, _ in first }
        settings.rowsPerSecond = rowsPerSecond
        settings.startDelay = .seconds(startDelay)
        settings.restAfterAbort = .seconds(restAfterAbort)
        let simulator = try CanvasSimulator(settings: settings, logger: Serving.logger)
        try await Serving.run { try await simulator.run(onReady: $0) }
    }
}
