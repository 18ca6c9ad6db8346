import Glibc

/// Where finished log lines go.
package struct LogOutput: Sendable {
    private let write: @Sendable (String) -> Void

    /// - Parameter write: takes one line with its line end; called from any thread, and must not log.
    package init(_ write: @escaping @Sendable (String) -> Void) {
        self.write = write
    }

    /// Standard error, one `write` call a line: lines of several threads never mix (up to 4 KiB through a pipe). A
    /// reader that is gone or slow in a way that fails the call costs the line, never the process.
    package static let standardError = LogOutput { line in
        var rest = Array(line.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    func line(_ text: String) {
        write(text)
    }
}
