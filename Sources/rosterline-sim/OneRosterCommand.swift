import ArgumentParser
import Simulators

/// `rosterline-sim oneroster`
struct OneRosterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oneroster",
        abstract: "Serve OneRoster zips over HTTP.",
        discussion: """
            With --folder its zips are served, each at /rosters/NAME.zip. Without it a synthetic district is made and \
            served at /rosters/district.zip.
            """)

    @Option(help: "The port on 127.0.0.1; 0 picks a free one.")
    var port = 0

    @Option(help: "A bearer token that every request must bring; without it none is needed.")
    var token: String?

    @Option(help: "A folder with zips.")
    var folder: String?

    @OptionGroup var options: DistrictOptions

    func run() async throws {
        let scratch = folder == nil ? try ScratchFolder() : nil
        if let scratch { try options.district().write(toZip: "\(scratch.path)/district.zip") }
        let served = folder ?? scratch?.path ?? "."
        let server = OneRosterServer(folder: served, port: port, token: token, logger: Serving.logger)
        try await Serving.run { try await server.run(onReady: $0) }
    }
}
