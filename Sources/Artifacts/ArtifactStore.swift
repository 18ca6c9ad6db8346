/// Where the files of steps are kept: by the SHA-256 of their content, so that a file is stored once however often it
/// is put, and what is read is known to be what was written.
package protocol ArtifactStore: Sendable {
    /// Stores the file at a path; the file itself stays where it is. Putting the same content again changes nothing.
    func put(fileAt path: String) async throws(ArtifactError) -> StoredArtifact

    /// Lays the content at a path on this machine, as a link where the store can do so; never to be written to.
    func materialize(_ sha256: [UInt8], at path: String) async throws(ArtifactError)

    /// The content in chunks of at most 1 MiB.
    func read(_ sha256: [UInt8]) -> ArtifactChunks

    /// Asks whether the store can be written and read, for `rosterline doctor`.
    func check() async throws(ArtifactError)
}

/// What the store knows of a file.
package struct StoredArtifact: Sendable, Hashable {
    /// 32 bytes.
    package let sha256: [UInt8]
    package let bytes: Int64

    package init(sha256: [UInt8], bytes: Int64) {
        self.sha256 = sha256
        self.bytes = bytes
    }
}

/// What a store could not do.
package struct ArtifactError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case notFound
        case notReadable
        case notWritable
        /// The content does not have the hash that it is stored under.
        case corrupt
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// A full or unreachable disk may be well again at the next try; a file that is gone or broken will not.
    package var isTransient: Bool {
        switch code {
        case .notReadable, .notWritable: true
        case .notFound, .corrupt: false
        }
    }

    package var description: String { "\(code.rawValue): \(message)" }
}
