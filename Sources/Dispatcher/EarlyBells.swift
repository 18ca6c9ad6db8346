import Jobs
import Storage

/// Doorbells that are published before their tickets are marked, so that the look which marks them does not publish
/// them again.
///
/// Pure. A look that begins after such a bell has rung finds its ticket, or the ticket is claimed already, or something
/// keeps it; in none of these cases is the bell awaited any longer. A ticket that was touched meanwhile is rung for: a
/// worker may have handed the bell back. At worst one rings twice.
struct EarlyBells {
    /// What may be rung between two looks; beyond it there is an order to be kept.
    static let limit = 64

    private var looks = 0
    /// How many looks had begun when it rang.
    private var bells: [StepID: Int] = [:]

    /// - Returns: whether it may ring before its ticket is marked.
    mutating func ring(_ step: StepID) -> Bool {
        guard bells.count < Self.limit else { return false }
        bells[step] = looks
        return true
    }

    /// The broker did not take them: whoever marks their tickets publishes them.
    mutating func forget(_ steps: [StepID]) {
        for step in steps { bells[step] = nil }
    }

    /// One look at a time.
    mutating func beginLook() {
        looks += 1
    }

    /// - Parameter marked: what this look has marked.
    /// - Returns: what of it is still to be published.
    mutating func endLook(marked: [OutboxStore.RungTicket]) -> [StepMessage] {
        if bells.isEmpty { return marked.map(\.message) }
        let silent = marked.filter { bells.removeValue(forKey: $0.message.step) == nil || !$0.isFirst }
        bells = bells.filter { $0.value >= looks }
        return silent.map(\.message)
    }
}
