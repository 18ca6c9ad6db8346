/// Why a private server could not be started, stopped or used.
package struct ServerError: Error, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// A program of the server is not installed.
        case missingProgram
        /// The folder cannot be used by the user that the server must run as.
        case unusableFolder
        /// A program that prepares the server ended with an error.
        case preparationFailed
        /// The server ended, or was not ready in time.
        case notReady
        /// The server did not end in time.
        case notStopped
        /// The operating system refused a process, a pipe or a port.
        case system
    }

    package let code: Code
    /// What was tried, on what.
    package let operation: String
    /// What to do about it.
    package let remedy: String
    /// The end of the server's own log, where there is one.
    package let log: String?

    package init(_ code: Code, operation: String, remedy: String, log: String? = nil) {
        self.code = code
        self.operation = operation
        self.remedy = remedy
        self.log = log
    }

    package var description: String {
        let end = log.map { "\n\($0)" } ?? ""
        return "\(code): \(operation). \(remedy)\(end)"
    }
}
