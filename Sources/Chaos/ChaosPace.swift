/// The times of a run: those of production in the long form, shrunk in the short one.
package struct ChaosPace: Sendable, Hashable {
    /// Life of a lease.
    package var lease: Duration
    /// Between two looks for expired leases.
    package var maintenance: Duration
    /// Between two looks into the outbox.
    package var dispatcher: Duration
    /// How long a dispatcher may be silent.
    package var silence: Duration
    /// How long a drain waits for running steps.
    package var drain: Duration
    /// Bound of the first delay after a failure.
    package var retry: Duration
    /// What a cancelled step has to stop.
    package var cancel: Duration
    /// How long all slots may be taken before a worker hands its doorbells back.
    package var handBack: Duration
    /// How long a rung step may go untaken.
    package var patience: Duration
    /// What a rescued step's way through the dispatcher and the broker to a free worker may take.
    package var way: Duration
    /// Life of a lease where nothing may be rescued: none ends though the machine is busy.
    package var safeLease: Duration

    package init(_ size: Scenario.Size) {
        switch size {
        case .long:
            lease = .seconds(30)
            maintenance = .seconds(5)
            dispatcher = .milliseconds(500)
            silence = .seconds(20)
            drain = .seconds(25)
            retry = .seconds(2)
            cancel = .seconds(8)
            patience = .seconds(60)
            handBack = .seconds(5)
            way = .seconds(5)
            safeLease = .seconds(30)
        case .short:
            lease = .seconds(2)
            maintenance = .milliseconds(200)
            dispatcher = .milliseconds(200)
            silence = .seconds(2)
            drain = .seconds(10)
            retry = .milliseconds(200)
            cancel = .seconds(2)
            patience = .seconds(4)
            handBack = .milliseconds(500)
            // As long as where the host keeps most of the processors for others.
            way = .seconds(60)
            safeLease = .seconds(10)
        }
    }

    /// What a rescue may take at most, in seconds, from the kill to the next claim: the lease, the look for it, and the
    /// way. 40 with the values of production.
    package var rescueBound: Double { (lease + maintenance + way) / .seconds(1) }
}

extension Duration {
    /// As command lines and settings take it.
    var secondsText: String { "\(self / .seconds(1))" }
}
