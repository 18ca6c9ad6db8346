import NIOConcurrencyHelpers

/// Set once, and seen by everybody.
final class ChaosFlag: Sendable {
    private let value = NIOLockedValueBox(false)

    var isSet: Bool { value.withLockedValue(\.self) }

    func set() { value.withLockedValue { $0 = true } }
}
