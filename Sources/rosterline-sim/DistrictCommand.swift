import ArgumentParser
import Simulators

/// What kind of district is wanted; the same for all commands that make one.
struct DistrictOptions: ParsableArguments {
    @Option(help: "Pupils, teachers and other staff together.")
    var people = 5_000

    @Option(help: "Enrolments, exactly so many.")
    var enrolments = 30_000

    @Option(help: "The same seed gives the same bytes.")
    var seed: UInt64 = 1

    @Option(help: "The release of OneRoster: 1.1 or 1.2.")
    var release = SyntheticDistrict.Release.release11

    @Option(help: "0 for the first night; later ones carry changes.")
    var night = 0

    @Flag(help: "Add parents for half of the pupils.")
    var parents = false

    func district() throws -> SyntheticDistrict {
        try SyntheticDistrict(
            people: people, enrolments: enrolments, seed: seed, release: release, parents: parents, night: night)
    }
}

extension SyntheticDistrict.Release: ExpressibleByArgument {}

/// `rosterline-sim district`
struct DistrictCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "district", abstract: "Write a synthetic school district as OneRoster CSV.")

    @OptionGroup var options: DistrictOptions

    @Option(help: "A path that ends in .zip, or a folder.")
    var out: String

    func run() async throws {
        let district = try options.district()
        let counts = out.hasSuffix(".zip") ? try district.write(toZip: out) : try district.write(toFolder: out)
        print("wrote \(counts.rows) rows, \(counts.bytes) bytes, to \(out)")
        print("users \(counts.users), classes \(counts.classes), enrolments \(counts.enrollments)")
    }
}
