import Chaos
import Foundation
import Logging
import Testing

/// The short form of every failure test, on one pair of servers; one after the other, as each hurts them.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ScenarioTests {
    // One for the whole process; a `Task` because a static constant cannot await. The servers end with the process.
    private static let stage = Task {
        try await ChaosStage.start(
            programs: URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path,
            folder: NSTemporaryDirectory() + "rosterline-chaos-tests-\(ProcessInfo.processInfo.processIdentifier)",
            logger: Logger(label: "chaos") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Another one each run, and in the failure's text, so that what was found once can be found again.
    private static let seed =
        ProcessInfo.processInfo.environment["CHAOS_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 0...UInt64(UInt32.max))

    @Test(arguments: Scenario.all.filter(\.hasShortForm).map(\.number))
    func `the cluster bears it`(number: Int) async throws {
        let scenario = try #require(Scenario.all.first { $0.number == number })
        let stage = try await Self.stage.value
        let result = try await scenario.run(on: stage, size: .short, seed: Self.seed)
        #expect(
            result.hasPassed,
            """
            \(number). \(scenario.name), CHAOS_SEED=\(Self.seed): lost \(result.lost), doubled \(result.doubled)
            \(result.complaints.joined(separator: "\n"))
            \(result.kept ?? "")
            """)
    }
}
