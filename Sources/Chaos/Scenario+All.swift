extension Scenario {
    /// All failure tests in the order of their numbers.
    package static let all: [Scenario] = [
        WorkerFaults.killing, WorkerFaults.restarting, WorkerFaults.freezing, DatabaseFaults.outages,
        NetworkFaults.wire, WorkerFaults.poison, FairnessFaults.flood, CancelFaults.cancelling,
    ]
}
