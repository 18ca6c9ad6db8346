package import Foundation

/// A moment at which a zone's clocks change.
package struct ZoneTransition: Sendable, Hashable {
    /// The first moment with the new offset.
    package let instant: Date
    /// Seconds ahead of UTC before it.
    package let offsetBefore: Int
    /// Seconds ahead of UTC from it on.
    package let offsetAfter: Int

    /// The changes after a moment, in order, as far as `days` ahead.
    ///
    /// Looked for by steps of a day: no zone changes its clocks twice in one.
    package static func upcoming(in zone: TimeZone, after moment: Date, days: Int, limit: Int) -> [ZoneTransition] {
        var found: [ZoneTransition] = []
        var day = moment
        var offset = zone.secondsFromGMT(for: moment)
        for _ in 0..<days where found.count < limit {
            let next = day.addingTimeInterval(86_400)
            let nextOffset = zone.secondsFromGMT(for: next)
            if nextOffset != offset {
                found.append(
                    ZoneTransition(
                        instant: Self.moment(in: zone, between: day, and: next), offsetBefore: offset,
                        offsetAfter: nextOffset))
            }
            day = next
            offset = nextOffset
        }
        return found
    }

    /// The moment at which the offset changes, to the second; the two ends must have different ones.
    static func moment(in zone: TimeZone, between start: Date, and end: Date) -> Date {
        var before = start.timeIntervalSince1970.rounded(.down)
        var after = end.timeIntervalSince1970.rounded(.up)
        let offsetBefore = zone.secondsFromGMT(for: Date(timeIntervalSince1970: before))
        while after - before > 1 {
            let middle = ((before + after) / 2).rounded(.down)
            if zone.secondsFromGMT(for: Date(timeIntervalSince1970: middle)) == offsetBefore {
                before = middle
            } else {
                after = middle
            }
        }
        return Date(timeIntervalSince1970: after)
    }
}
