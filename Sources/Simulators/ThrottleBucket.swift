import FoundationEssentials

/// The leaky bucket that limits what one token may spend on requests.
///
/// It holds 600, leaks 10 a second, and cannot rise above 800; a request in flight reserves 50 and gives them back.
struct ThrottleBucket: Sendable {
    static let limit = 600.0
    static let ceiling = 800.0
    static let leakPerSecond = 10.0
    static let reserve = 50.0

    private var level = 0.0
    private var updated: Date

    init(now: Date) {
        updated = now
    }

    /// What is left; negative when the bucket is over its limit.
    var remaining: Double { ThrottleBucket.limit - level }

    /// - Returns: Whether the request is let in. A request that is not let in costs nothing.
    mutating func begin(now: Date) -> Bool {
        leak(now)
        guard level < ThrottleBucket.limit else { return false }
        level = min(ThrottleBucket.ceiling, level + ThrottleBucket.reserve)
        return true
    }

    mutating func end(cost: Double, now: Date) {
        leak(now)
        level = min(ThrottleBucket.ceiling, max(0, level - ThrottleBucket.reserve + cost))
    }

    private mutating func leak(_ now: Date) {
        level = max(0, level - ThrottleBucket.leakPerSecond * max(0, now.timeIntervalSince(updated)))
        updated = now
    }
}
