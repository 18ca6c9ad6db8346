package import FoundationEssentials

/// Turns any number of failures in a row into two log lines: lost, and back after so many seconds.
package struct Outage: Sendable {
    private var since: Date?

    package init() {}

    /// Notes a failure.
    ///
    /// - Returns: true for the first of a row; only that one is worth a line.
    package mutating func began(at moment: Date) -> Bool {
        guard since == nil else { return false }
        since = moment
        return true
    }

    /// Notes a success.
    ///
    /// - Returns: how many seconds the outage lasted, or nil if there was none.
    package mutating func ended(at moment: Date) -> Int? {
        guard let since else { return nil }
        self.since = nil
        return Int(moment.timeIntervalSince(since).rounded())
    }
}
