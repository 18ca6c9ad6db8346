package import Foundation

/// What a schedule says, as it was described and as it is stored: not yet checked.
package struct ScheduleDefinition: Sendable, Hashable {
    package var cron: String
    /// IANA name.
    package var timeZone: String
    package var overlap = OverlapPolicy.skip
    package var catchUp = CatchUp()
    /// Each occurrence starts this many seconds late at most, always the same for the same one; 0 to 86 400.
    package var jitterSeconds = 0
    /// So many failed jobs in a row pause the schedule; 1 to 100, nil = never.
    package var pauseAfterFailures: Int?
    package var quiet: [QuietRange] = []

    package init(cron: String, timeZone: String) {
        self.cron = cron
        self.timeZone = timeZone
    }

    /// How many quiet ranges one schedule may have.
    package static let quietLimit = 200

    /// Checks all of it.
    package func rules() throws(ScheduleError) -> ScheduleRules {
        let expression: CronExpression
        do {
            expression = try CronExpression(cron)
        } catch {
            throw ScheduleError(error.description)
        }
        guard let zone = TimeZone(identifier: timeZone) else {
            throw ScheduleError(
                "The time zone '\(timeZone)' is none. Give an IANA name such as Europe/Berlin.")
        }
        try check(jitterSeconds, in: 0...86_400, "jitter", "seconds")
        try check(Int(catchUp.window), in: 0...(31 * 86_400), "catch-up window", "seconds")
        if let pauseAfterFailures { try check(pauseAfterFailures, in: 1...100, "number of failures", "jobs") }
        guard quiet.count <= Self.quietLimit else {
            throw ScheduleError(
                "There are \(quiet.count) blackouts and rollover pauses; \(Self.quietLimit) may be. "
                    + "Take out those that are over.")
        }
        for range in quiet where range.until <= range.from {
            throw ScheduleError(
                "\(range.words) ends before it begins. Give the first minute after it as its end.")
        }
        return ScheduleRules(
            calculator: ScheduleCalculator(expression: expression, zone: zone), overlap: overlap, catchUp: catchUp,
            jitterSeconds: jitterSeconds, pauseAfterFailures: pauseAfterFailures, quiet: quiet)
    }

    private func check(_ value: Int, in range: ClosedRange<Int>, _ name: String, _ unit: String) throws(ScheduleError) {
        guard !range.contains(value) else { return }
        throw ScheduleError(
            "The \(name) is \(value) \(unit), but it must be \(range.lowerBound) to \(range.upperBound).")
    }
}

/// A schedule that cannot be used: what is wrong with it and what is allowed.
package struct ScheduleError: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// A schedule's definition, checked and ready to be asked.
package struct ScheduleRules: Sendable, Hashable {
    package let calculator: ScheduleCalculator
    package let overlap: OverlapPolicy
    package let catchUp: CatchUp
    package let jitterSeconds: Int
    package let pauseAfterFailures: Int?
    package let quiet: [QuietRange]

    /// When an occurrence may begin: its time plus its share of the jitter, the same whoever asks and whenever.
    ///
    /// - Parameter key: names the schedule, so that those of a thousand schools do not all begin in the same second.
    package func start(of occurrence: PlannedOccurrence, key: String) -> Date {
        guard jitterSeconds > 0 else { return occurrence.instant }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(key) \(Int(occurrence.instant.timeIntervalSince1970))".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        // FNV leaves the low bits of like texts alike; this spreads them.
        hash = (hash ^ (hash >> 31)) &* 0x9E37_79B9_7F4A_7C15
        return occurrence.instant.addingTimeInterval(Double((hash >> 16) % UInt64(jitterSeconds + 1)))
    }

    /// The first occurrence after a moment, and when it may begin.
    package func next(after moment: Date, key: String) -> (occurrence: PlannedOccurrence, start: Date)? {
        calculator.next(after: moment).map { ($0, start(of: $0, key: key)) }
    }
}
