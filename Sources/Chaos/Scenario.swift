import LocalServers

/// One failure test: what is done to the cluster, and what must hold.
package struct Scenario: Sendable {
    /// Its number in the list of failure tests; stable.
    package let number: Int
    /// As the table shows it.
    package let name: String
    /// False where it takes more than a test has: it runs in the long form only.
    package let hasShortForm: Bool
    let body: @Sendable (ChaosTrial) async throws -> Void

    init(
        _ number: Int, _ name: String, hasShortForm: Bool = true,
        _ body: @escaping @Sendable (ChaosTrial) async throws -> Void
    ) {
        self.number = number
        self.name = name
        self.hasShortForm = hasShortForm
        self.body = body
    }

    /// How much of it is done.
    package enum Size: String, Sendable, CaseIterable {
        /// Seconds: for every run of the tests.
        case short
        /// Minutes: for `make chaos`.
        case long
    }

    /// Runs the scenario on a database and queues of its own, and checks the history.
    ///
    /// - Parameters:
    ///   - stage: the servers and programs; one scenario at a time.
    ///   - seed: decides what happens when, as far as the operating system lets it.
    /// - Throws: what keeps it from being run at all; what goes wrong in it is in the result.
    package func run(on stage: ChaosStage, size: Size, seed: UInt64) async throws -> ScenarioResult {
        let steal = StealTime()
        let trial = try await ChaosTrial.prepare(self, on: stage, size: size, seed: seed)
        try await trial.whileConnected { try await body(trial) }
        var result = await trial.conclude()
        result.stolen = steal.share
        return result
    }
}
