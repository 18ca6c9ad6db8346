import Chaos
import Foundation
import Logging
import Testing

/// The short form of every failure test. Two halves beside each other, each on a pair of servers of its own and one
/// after the other, as each hurts them: they wait for most of their time.
@Suite(.timeLimit(.minutes(10)))
enum ScenarioTests {
    @Suite(.serialized)
    struct ServersThatFail {
        private static let stage = ScenarioTests.stage("servers")

        @Test(arguments: ScenarioTests.numbers { aboutServers.contains($0) })
        func `the cluster bears it`(number: Int) async throws {
            try await ScenarioTests.play(number, on: Self.stage)
        }
    }

    @Suite(.serialized)
    struct ProcessesThatFail {
        private static let stage = ScenarioTests.stage("processes")

        @Test(arguments: ScenarioTests.numbers { !aboutServers.contains($0) })
        func `the cluster bears it`(number: Int) async throws {
            try await ScenarioTests.play(number, on: Self.stage)
        }
    }

    /// The numbers of those in which the broker, the database or the wire to them fails.
    private static let aboutServers = 4...9

    private static func numbers(where condition: (Int) -> Bool) -> [Int] {
        Scenario.all.filter(\.hasShortForm).map(\.number).filter(condition)
    }

    /// One for the whole process; a `Task` because a static constant cannot await. The servers end with the process.
    private static func stage(_ name: String) -> Task<ChaosStage, any Error> {
        Task {
            let process = ProcessInfo.processInfo.processIdentifier
            return try await ChaosStage.start(
                programs: URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path,
                folder: NSTemporaryDirectory() + "rosterline-chaos-tests-\(process)-\(name)",
                logger: Logger(label: "chaos") { _ in SwiftLogNoOpLogHandler() })
        }
    }

    /// Another one each run, and in the failure's text, so that what was found once can be found again.
    private static let seed =
        ProcessInfo.processInfo.environment["CHAOS_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 0...UInt64(UInt32.max))

    private static func play(_ number: Int, on stage: Task<ChaosStage, any Error>) async throws {
        let scenario = try #require(Scenario.all.first { $0.number == number })
        let result = try await scenario.run(on: try await stage.value, size: .short, seed: seed)
        #expect(
            result.hasPassed,
            """
            \(number). \(scenario.name), CHAOS_SEED=\(seed): lost \(result.lost), doubled \(result.doubled)
            \(result.complaints.joined(separator: "\n"))
            \(result.kept ?? "")
            """)
    }
}
