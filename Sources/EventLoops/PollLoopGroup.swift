import NIOConcurrencyHelpers

/// Some loops, handed out in turn.
package final class PollLoopGroup: Sendable {
    /// The two loops that the clients of a process share; never shut down.
    package static let shared = PollLoopGroup(name: "loop", count: 2)

    private let loops: [PollLoop]
    private let turn = NIOLockedValueBox(0)

    /// Starts the loops, named `name-0`, `name-1`, …
    /// - Precondition: `count` is 1 or more.
    package init(name: String, count: Int) {
        precondition(count >= 1, "a group of \(count) loops")
        loops = (0..<count).map { PollLoop(name: "\(name)-\($0)") }
    }

    /// The next loop in turn.
    package func next() -> PollLoop {
        turn.withLockedValue { turn in
            defer { turn = (turn + 1) % loops.count }
            return loops[turn]
        }
    }

    /// Shuts all loops down; see ``PollLoop/shutdown()``.
    package func shutdown() {
        for loop in loops { loop.shutdown() }
    }
}
