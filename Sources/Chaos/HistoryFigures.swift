import FoundationEssentials
import Jobs

/// What a history says in numbers.
package struct HistoryFigures: Sendable, Hashable {
    /// Claims in all.
    package var claims = 0
    package var rescues = 0
    /// Effects beyond the first of a step: their attempts died before they could say so.
    package var repeatedEffects = 0
    /// Writes that came too late and changed nothing.
    package var refused = 0
    /// Seconds from each kill to the next claim of each step that its victim held, ascending.
    package var rescueDelays: [Double] = []

    package init(of events: [HistoryEvent]) {
        let events = events.sorted { $0.sequence < $1.sequence }
        claims = events.count { $0.what == .claim }
        rescues = events.count { $0.what == .rescue }
        refused = events.count { $0.what == .refused }
        let effects = events.filter { $0.what == .effect }
        repeatedEffects = effects.count - Set(effects.compactMap(\.step)).count
        rescueDelays = Self.rescueDelays(events)
    }

    private static func rescueDelays(_ events: [HistoryEvent]) -> [Double] {
        var held: [StepID: String] = [:]
        var killed: [StepID: Date] = [:]
        var delays: [Double] = []
        // A kill is written down a moment later than it happens, so order is by time here.
        for event in events.sorted(by: { $0.at < $1.at }) {
            if event.what == .kill, let owner = event.owner {
                for (step, holder) in held where holder == owner { killed[step] = killed[step] ?? event.at }
            }
            guard let step = event.step else { continue }
            switch event.what {
            case .claim:
                if let since = killed.removeValue(forKey: step) { delays.append(event.at.timeIntervalSince(since)) }
                held[step] = event.owner
            case .finish, .fence:
                held[step] = nil
                killed[step] = nil
            case .rescue: held[step] = nil
            default: break
            }
        }
        return delays.sorted()
    }
}

extension [Double] {
    /// The value that this part of the (ascending) numbers do not exceed; nil of none.
    package func percentile(_ part: Double) -> Double? {
        guard !isEmpty else { return nil }
        return self[Swift.max(0, Int((Double(count) * part).rounded(.up)) - 1)]
    }
}
