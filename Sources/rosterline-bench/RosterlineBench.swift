internal import ArgumentParser

/// Measures the product's work on this machine.
@main
struct RosterlineBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rosterline-bench",
        abstract: "Measures Rosterline's work on this machine.",
        subcommands: [ConvertCommand.self, JobsCommand.self, JobsEngineCommand.self, JobsInCCommand.self])
}
