internal import ArgumentParser
internal import Conversion
internal import FoundationEssentials
internal import OneRoster
internal import Simulators

/// Extracts and converts a roster, and prints what it cost.
struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Extracts and converts a roster: rows, bytes, seconds, MB/s and the peak of memory.")

    @Option(help: "People of the generated district, 10 or more.")
    var people = 1_000_000

    @Option(help: "Enrolments of the generated district.")
    var enrolments = 6_000_000

    @Option(help: "Seed of the generated district.")
    var seed: UInt64 = 1

    @Option(help: "A roster to convert instead: a zip, or a folder of CSV files.")
    var roster: String?

    @Option(help: "An existing folder for the files; they are kept. By default a temporary one, removed at the end.")
    var scratch: String?

    @Option(help: "Fail if the peak of resident memory passes this many MiB; 0 sets no limit.")
    var memoryLimit = 0

    func run() throws {
        let folder = scratch ?? FileManager.default.temporaryDirectory.path + "/rosterline-bench-\(UUID().uuidString)"
        try makeFolder(folder)
        defer { if scratch == nil { try? FileManager.default.removeItem(atPath: folder) } }
        var table = BenchTable()
        let source = try source(in: folder, &table)
        let (snapshots, output) = (folder + "/snapshot", folder + "/canvas")
        try makeFolder(snapshots)
        try makeFolder(output)
        let snapshot = try table.measure(
            "extract", work: { try RosterExtractor.extract(source: source, into: snapshots) },
            size: { ($0.rowCount, $0.byteCount) })
        let report = try table.measure(
            "convert",
            work: { try RosterConversion.run(snapshot: snapshot, rules: ConversionRules(), into: output) },
            size: { _ in (snapshot.rowCount, snapshot.byteCount) })
        print(table.text)
        for count in report.counts {
            print(
                "\(count.table.rawValue): \(count.extracted) extracted, \(count.converted) converted, "
                    + "\(count.skipped) skipped, \(count.merged) merged")
        }
        guard memoryLimit == 0 || table.peakMiB <= memoryLimit else {
            print("The peak of memory, \(table.peakMiB) MiB, passes the limit of \(memoryLimit) MiB.")
            throw ExitCode.failure
        }
    }

    private func source(in folder: String, _ table: inout BenchTable) throws -> RosterSource {
        if let roster { return RosterSource(path: roster) }
        let target = folder + "/roster"
        try makeFolder(target)
        let district = try SyntheticDistrict(people: people, enrolments: enrolments, seed: seed)
        _ = try table.measure(
            "generate", work: { try district.write(toFolder: target) }, size: { ($0.rows, UInt64($0.bytes)) })
        return .folder(target)
    }

    private func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
}
