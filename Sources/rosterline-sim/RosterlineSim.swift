import ArgumentParser

/// The simulators of Rosterline: what demos, tests and benchmarks talk to instead of the outside world.
@main
struct RosterlineSim: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rosterline-sim",
        abstract: "A simulated Canvas, a roster server, and a school district that never was.",
        subcommands: [DemoCommand.self, CanvasCommand.self, OneRosterCommand.self, DistrictCommand.self])
}
