extension Scenario {
    /// All failure tests in the order of their numbers.
    package static let all: [Scenario] = [
        WorkerFaults.killing, WorkerFaults.restarting, WorkerFaults.freezing, BrokerFaults.outages, BrokerFaults.alarm,
        BrokerFaults.topology, BrokerFaults.patience, DatabaseFaults.outages, NetworkFaults.wire,
        ClockFaults.skewed, ScheduleFaults.killing, WorkerFaults.poison, VersionFaults.mixed, CanvasOutages.moods,
        FairnessFaults.flood, CancelFaults.cancelling,
        ClusterFaults.leader,
    ]
}
