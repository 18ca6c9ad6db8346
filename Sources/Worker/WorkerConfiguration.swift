package import Jobs

/// What a worker process takes on.
package struct WorkerConfiguration: Sendable {
    /// The process's name in leases and attempts: host, process id, a random part.
    package var name: String
    /// How many steps run at once; 1 to 1 000, default 4.
    package var slots: Int
    /// How long a lease lasts unless renewed; default 30 s. It is renewed at a third of that.
    package var lease: Duration
    /// How long a drain waits for running steps before it hands them back; default 25 s, less than the grace period of
    /// the process.
    package var drain: Duration
    /// How long all slots may be taken before the doorbells that wait here are handed back for other workers; default
    /// 5 s.
    package var handBack: Duration
    /// How often progress is written at most; default 1 s.
    package var progressInterval: Duration
    /// How often a worker looks whether its jobs were cancelled, beside being told; default 3 s.
    package var cancellationInterval: Duration
    package var retries: RetryPolicy

    package init(
        name: String, slots: Int = 4, lease: Duration = .seconds(30), drain: Duration = .seconds(25),
        handBack: Duration = .seconds(5), progressInterval: Duration = .seconds(1),
        cancellationInterval: Duration = .seconds(3),
        retries: RetryPolicy = RetryPolicy()
    ) {
        precondition(slots > 0, "a worker needs at least one slot, not \(slots)")
        self.name = name
        self.slots = slots
        self.lease = lease
        self.drain = drain
        self.handBack = handBack
        self.progressInterval = progressInterval
        self.cancellationInterval = cancellationInterval
        self.retries = retries
    }
}
