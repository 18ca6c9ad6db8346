import Glibc

/// Where finished log lines go.
package struct LogOutput: Sendable {
    private let write: @Sendable (String) -> Void

    /// - Parameter write: takes one line with its line end; called from any thread, and must not log or block.
    package init(_ write: @escaping @Sendable (String) -> Void) {
        self.write = write
    }

    /// Standard error, see ``LogPipe``.
    package static let standardError: LogOutput = {
        let pipe = LogPipe(descriptor: STDERR_FILENO)
        return LogOutput { pipe.line($0) }
    }()

    func line(_ text: String) {
        write(text)
    }
}
