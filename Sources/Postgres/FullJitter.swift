/// Delays before tries: random between nothing and a bound that doubles, so that many callers do not come back at once.
struct FullJitter: Sendable {
    let first: Duration
    let limit: Duration

    /// - Parameters:
    ///   - attempt: tries that have failed; 1 or more.
    ///   - random: from 0 to 1.
    func delay(attempt: Int, random: Double = .random(in: 0...1)) -> Duration {
        let bound = min(first * (1 << min(max(attempt, 1) - 1, 20)), limit)
        return bound * random
    }
}
