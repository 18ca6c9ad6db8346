/// One entry of a zip, as its directory lists it.
package struct ZipEntry: Sendable, Equatable {
    /// The path as stored, with forward slashes.
    package let path: String

    /// The size the directory claims, in bytes; nil if it claims none. Never trusted: limits count what is really read.
    package let claimedBytes: UInt64?

    /// Whether it is a folder.
    package let isFolder: Bool

    /// Whether reading it would need a password.
    package let isEncrypted: Bool

    /// An entry as a directory lists it.
    package init(path: String, claimedBytes: UInt64?, isFolder: Bool, isEncrypted: Bool = false) {
        self.path = path
        self.claimedBytes = claimedBytes
        self.isFolder = isFolder
        self.isEncrypted = isEncrypted
    }

    /// Whether the path stays inside the folder it is unpacked to: relative, without `..`, without drive or backslash.
    package var isSafe: Bool {
        guard !path.isEmpty && !path.hasPrefix("/") && !path.contains("\\") && !path.contains("\0") else {
            return false
        }
        return !path.split(separator: "/").contains { $0 == ".." || $0.hasSuffix(":") }
    }
}
