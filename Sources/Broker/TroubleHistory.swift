/// Which troubles last, since when, and what of that is worth a line; pure.
///
/// Each trouble is told twice: when it is found and when it is over. While the broker cannot be reached nothing is
/// known of the others, so they neither end nor begin.
package struct TroubleHistory {
    /// One line for the log.
    package enum Event: Sendable, Equatable {
        case found(BrokerTrouble)
        case mended(BrokerTrouble, after: Duration)
        /// Found and put right in the same look.
        case repaired(BrokerTrouble)
    }

    /// What one look at the broker has shown.
    package struct Sight: Sendable, Equatable {
        /// What is the matter now.
        package var troubles: [BrokerTrouble]
        /// What was the matter when the look began.
        package var repaired: [BrokerTrouble]
        /// Whether the look came far enough to know that what it does not name is well.
        package var isWhole: Bool

        package init(troubles: [BrokerTrouble] = [], repaired: [BrokerTrouble] = [], isWhole: Bool = true) {
            self.troubles = troubles
            self.repaired = repaired
            self.isWhole = isWhole
        }
    }

    private var since: [BrokerTrouble: ContinuousClock.Instant] = [:]
    // An alarm's words hold numbers that change while it lasts; of some kinds there can only be one.
    private static let singular: Set<String> = ["unreachable", "alarm"]

    package init() {}

    /// Everything that lasts.
    package var lasting: Set<BrokerTrouble> { Set(since.keys) }

    /// Takes note of a look.
    /// - Returns: what to tell, endings first, otherwise in the order of the look.
    package mutating func take(_ sight: Sight, at now: ContinuousClock.Instant) -> [Event] {
        var events: [Event] = []
        let current = Set(sight.troubles.map(Self.identity))
        let ended = since.keys.filter { trouble in
            // That the look came to anything at all ends an outage.
            (sight.isWhole || trouble.kind == "unreachable") && !current.contains(Self.identity(trouble))
        }
        for trouble in ended.sorted(by: { $0.words < $1.words }) {
            guard let begun = since.removeValue(forKey: trouble) else { continue }
            events.append(.mended(trouble, after: now - begun))
        }
        let known = Set(since.keys.map(Self.identity))
        for trouble in sight.repaired where !ended.contains(trouble) && !known.contains(Self.identity(trouble)) {
            events.append(.repaired(trouble))
        }
        for trouble in sight.troubles where !known.contains(Self.identity(trouble)) {
            guard since[trouble] == nil else { continue }
            since[trouble] = now
            events.append(.found(trouble))
        }
        return events
    }

    private static func identity(_ trouble: BrokerTrouble) -> String {
        singular.contains(trouble.kind) ? trouble.kind : "\(trouble.kind) \(trouble.words)"
    }
}
