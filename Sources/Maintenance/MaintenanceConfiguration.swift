/// How the tables are kept in order.
package struct MaintenanceConfiguration: Sendable {
    /// Time between two looks for expired leases; 0.1 s to 60 s, default 5 s.
    package var interval: Duration
    /// How often a lease may run out under a step before it is parked; default 3.
    package var rescueLimit: Int
    /// How long a cancelled job's running step has to stop by itself before its lease is taken away; default 5 s.
    package var cancelPatience: Duration
    /// How long a step may go untaken after its doorbell was rung before it is rung for again; default 5 min, and twice
    /// as long each further time.
    package var patience: Duration
    /// How long finished jobs are kept; whole months (UTC) are dropped once their last day is older. Default 400 days.
    package var retention: Duration

    package init(
        interval: Duration = .seconds(5), rescueLimit: Int = 3, cancelPatience: Duration = .seconds(5),
        patience: Duration = .seconds(300),
        retention: Duration = .seconds(400 * 86_400)
    ) {
        self.interval = interval
        self.rescueLimit = rescueLimit
        self.cancelPatience = cancelPatience
        self.patience = patience
        self.retention = retention
    }
}
