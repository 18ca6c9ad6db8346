/// What an institution may have of the cluster, beside the others.
package struct DispatchLimits: Sendable, Hashable {
    /// Steps at the broker or running at once; 1 or more, nil for no limit. Default 8.
    package var concurrentSteps: Int?
    /// Share of the dispatcher's turns; 1 to 100, default 1.
    package var weight: Int
    /// Refill of the token bucket that a step costs one token of; 1 or more, nil for no limit.
    package var stepsPerMinute: Int?
    /// What the bucket holds; 1 or more, nil for a minute's worth.
    package var burst: Int?

    package init(concurrentSteps: Int? = 8, weight: Int = 1, stepsPerMinute: Int? = nil, burst: Int? = nil) {
        self.concurrentSteps = concurrentSteps
        self.weight = weight
        self.stepsPerMinute = stepsPerMinute
        self.burst = burst
    }
}
