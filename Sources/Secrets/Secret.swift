/// A value that must not be seen: it shows as `***` wherever it is printed, logged or reflected.
package struct Secret: Sendable, Equatable {
    /// The value itself. Whoever asks sees to it that it goes nowhere else.
    package let reveal: String

    package init(_ value: String) {
        reveal = value
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
