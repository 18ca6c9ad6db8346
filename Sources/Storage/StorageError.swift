/// A row that this program cannot read, or a thing asked for that is not there.
package struct StorageError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// A newer program wrote a word that this one does not know.
        case unknownWord
        /// No row under this name.
        case notFound
        /// It has changed since the caller looked at it; look again.
        case changed
        /// Not in the state that it is in; the message says which would do.
        case refused
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The sentence alone; `code` is for programs.
    package var description: String { message }

    static func known<T>(_ value: T?, word: String, column: String) throws(StorageError) -> T {
        guard let value else {
            throw StorageError(
                .unknownWord,
                "The column \(column) holds '\(word)', which this version does not know. Upgrade this process.")
        }
        return value
    }
}
