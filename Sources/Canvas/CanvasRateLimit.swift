package import HTTPTypes

/// What Canvas says about its leaky bucket: one per token, full at 600, leaking 10 a second, where a request costs
/// its CPU and database seconds and 50 are held back while it runs.
package struct CanvasRateLimit: Sendable, Equatable {
    /// Of the request that was answered; nil on a throttled one.
    package let cost: Double?
    /// What is left; 0 or less means throttled.
    package let remaining: Double?

    package init(_ fields: HTTPFields) {
        cost = Self.number(fields, "X-Request-Cost")
        remaining = Self.number(fields, "X-Rate-Limit-Remaining")
    }

    /// How long until a request has room again, at most a day; `fallback` if Canvas said nothing.
    func wait(fallback: Duration) -> Duration {
        guard let remaining else { return fallback }
        return .seconds(min(86_400, max(0, (Self.reserve - remaining) / Self.leakPerSecond)))
    }

    private static let reserve = 50.0
    private static let leakPerSecond = 10.0

    private static func number(_ fields: HTTPFields, _ name: String) -> Double? {
        HTTPField.Name(name).flatMap { fields[$0] }.flatMap(Double.init).flatMap { $0.isFinite ? $0 : nil }
    }
}
