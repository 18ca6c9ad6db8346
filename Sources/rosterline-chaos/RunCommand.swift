import ArgumentParser
import Chaos
import Foundation
import Logging

/// Runs scenarios, one after the other, and prints the table.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Runs the failure tests and prints one table; exit 1 if any fails.")

    @Option(help: "Decides what happens when; printed at the start. Drawn if it is not given.")
    var seed: UInt64?

    @Option(help: "Numbers of the scenarios to run, with commas; all if it is not given.")
    var only: String?

    @Flag(help: "The short form of each, as in the tests: seconds instead of minutes.")
    var short = false

    @Option(help: "Where histories and logs of failed scenarios are kept.")
    var folder = NSTemporaryDirectory() + "rosterline-chaos"

    func run() async throws {
        let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
        let scenarios = try chosen()
        say("Seed \(seed); \(scenarios.count) scenarios in their \(short ? "short" : "long") form.")
        let programs = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
        let stage = try await ChaosStage.start(
            programs: programs, folder: folder + "/\(seed)",
            logger: Logger(label: "chaos") { _ in SwiftLogNoOpLogHandler() })
        var results: [ScenarioResult] = []
        for scenario in scenarios {
            say("\(scenario.number). \(scenario.name) …")
            let result = try await scenario.run(on: stage, size: short ? .short : .long, seed: seed)
            results.append(result)
            // A run of forty minutes that is stopped shall have said what it saw.
            say("\(ScenarioTable([result]))")
            for note in result.notes { say("   \(note)") }
            for complaint in result.complaints { say("   \(complaint)") }
            if let kept = result.kept { say("   History and logs: \(kept)") }
        }
        try await stage.stop()
        print(ScenarioTable(results))
        let failed = results.filter { !$0.hasPassed }
        guard failed.isEmpty else {
            say("Again: rosterline-chaos --seed \(seed) --only \(failed.map { "\($0.number)" }.joined(separator: ","))")
            throw ExitCode(1)
        }
    }

    private func chosen() throws -> [Scenario] {
        guard let only else { return Scenario.all.filter { !short || $0.hasShortForm } }
        return try only.split(separator: ",").map { word in
            guard let scenario = Scenario.all.first(where: { "\($0.number)" == word }) else {
                let known = Scenario.all.map { "\($0.number)" }.joined(separator: ", ")
                throw ValidationError("There is no scenario '\(word)'; there are \(known).")
            }
            return scenario
        }
    }

    /// To stderr, so that the table alone goes to stdout.
    private func say(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}
