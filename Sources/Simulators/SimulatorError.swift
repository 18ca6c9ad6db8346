/// Why a simulator could not do what it was asked to do.
package struct SimulatorError: Error, Sendable, CustomStringConvertible {
    /// The kinds of trouble a simulator reports.
    package enum Code: String, Sendable {
        /// The numbers asked for contradict each other, for example more enrolments than pupils times classes.
        case impossibleDistrict
        /// A file or folder could not be read or written.
        case fileSystem
        /// The port is taken, or the address cannot be used.
        case cannotListen
        /// An upload was larger than the simulator's limit.
        case uploadTooLarge
        /// A multipart body broke off or did not follow its boundary.
        case malformedUpload
        /// The archive that was uploaded could not be read.
        case unreadableArchive
    }

    package let code: Code
    /// What was being done, and on what.
    package let operation: String
    /// What the reader can do about it.
    package let remedy: String

    /// Whether the same call may succeed later without a change: never, a simulator has no passing troubles.
    package var isTransient: Bool { false }

    package init(_ code: Code, operation: String, remedy: String) {
        self.code = code
        self.operation = operation
        self.remedy = remedy
    }

    package var description: String { "\(code.rawValue): \(operation). \(remedy)" }
}
