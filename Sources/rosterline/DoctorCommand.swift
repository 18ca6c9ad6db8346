import ArgumentParser
import Artifacts
import Broker
import Canvas
import Foundation
import Jobs
import Postgres
import RabbitMQ
import Storage

/// Checks what a cluster needs, and says what to do about each finding.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract:
            "Checks configuration, Postgres, RabbitMQ, the artifact store and each integration's Canvas; exit 1 if something is wrong."
    )

    @Flag(help: "Verify the whole audit, not only its last rows.")
    var audit = false

    func run() async throws {
        let cluster: Cluster
        do {
            cluster = try await Cluster(role: "doctor")
        } catch let error as ConfigurationError {
            print(Finding.wrong("configuration", "\(error)", remedy: "Mend the setting."))
            throw ExitCode(1)
        }
        var findings = [Finding.well("configuration", "every key is known and well formed")]
        let examination = Examination(cluster: cluster)
        findings += await examination.postgres()
        findings += await examination.audit(whole: audit)
        findings += await examination.broker()
        findings += await examination.artifacts()
        findings += await examination.canvas()
        for finding in findings { print(finding) }
        guard findings.allSatisfy(\.isWell) else { throw ExitCode(1) }
    }
}

/// One line of the doctor's.
struct Finding: CustomStringConvertible, Sendable {
    let isWell: Bool
    let description: String

    static func well(_ subject: String, _ words: String) -> Finding {
        Finding(isWell: true, description: "ok     \(subject): \(words)")
    }

    /// Worth knowing; nothing has to be done.
    static func note(_ subject: String, _ words: String) -> Finding {
        Finding(isWell: true, description: "note   \(subject): \(words)")
    }

    static func wrong(_ subject: String, _ words: String, remedy: String) -> Finding {
        Finding(isWell: false, description: "WRONG  \(subject): \(words)\n       \(remedy)")
    }
}
