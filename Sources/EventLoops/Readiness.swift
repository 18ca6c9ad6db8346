/// What a wait on a descriptor asks for, and what it found.
package struct Interest: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Bytes, an end of stream or an error can be read.
    package static let readable = Interest(rawValue: 1)
    /// At least one byte can be written, or writing would report the error.
    package static let writable = Interest(rawValue: 2)
}

/// Why a wait ended.
package enum Readiness: Sendable, Equatable {
    /// The descriptor is ready for these. Empty after ``PollLoop/interrupt(descriptor:)``: nothing is known, look at
    /// your own state.
    ///
    /// An error or a hang-up of the descriptor counts as ready for everything that was asked: the next read or write
    /// finds it.
    case ready(Interest)
    /// The deadline passed first.
    case timedOut
    /// The task was cancelled, or the loop has been shut down.
    case cancelled
}
