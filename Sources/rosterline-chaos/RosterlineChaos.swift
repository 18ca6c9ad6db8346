import ArgumentParser

/// Hurts a cluster on this machine on purpose, and checks what the history says of it.
@main
struct RosterlineChaos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rosterline-chaos",
        abstract: "Runs the failure tests: real servers and processes, faults drawn from a seed, a checked history.",
        subcommands: [RunCommand.self, WorkerCommand.self], defaultSubcommand: RunCommand.self)
}
