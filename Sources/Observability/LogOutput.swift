import Glibc

/// Where finished log lines go.
package struct LogOutput: Sendable {
    private let write: @Sendable (String) -> Void

    /// - Parameter write: takes one line with its line end; called from any thread, and must not log or block.
    package init(_ write: @escaping @Sendable (String) -> Void) {
        self.write = write
    }

    /// Standard error, see ``LogPipe``; a process that ends waits up to a second for what is not written yet.
    package static let standardError: LogOutput = {
        atexit { _ = LogOutput.pipe.flush(within: .seconds(1)) }
        return LogOutput { pipe.line($0) }
    }()

    private static let pipe = LogPipe(descriptor: STDERR_FILENO)

    func line(_ text: String) {
        write(text)
    }
}
