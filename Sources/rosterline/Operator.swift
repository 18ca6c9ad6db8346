import ArgumentParser
import Foundation
import Storage

/// Who gives an order at the command line, and the options that orders share.
enum Operator {
    /// Name of the user, as the audit and the job show it.
    static var name: String {
        ProcessInfo.processInfo.environment["USER"].map { "\($0) (command line)" } ?? "command line"
    }

    /// Runs orders over a pool of their own.
    static func act(_ role: String, _ body: (OperatorActions) async throws -> Void) async throws {
        let cluster = try await Cluster(role: role)
        try await cluster.withPool(role) { pool in try await body(OperatorActions(pool)) }
    }
}

/// Why something is done; asked for by every order, as whoever looks later wants to know.
struct ReasonOption: ParsableArguments {
    @Option(help: "Why; it goes into the audit, and beside the job.")
    var reason: String

    func validate() throws {
        guard (1...OperatorActions.longestText).contains(reason.count) else {
            throw ValidationError("--reason has 1 to \(OperatorActions.longestText) characters.")
        }
    }
}
