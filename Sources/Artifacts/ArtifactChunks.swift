import NIOPosix

/// The content of a stored file, chunk by chunk; each read runs on a thread that may block.
package struct ArtifactChunks: AsyncSequence, Sendable {
    package typealias Element = [UInt8]

    private let open: @Sendable () throws(ArtifactError) -> FileReader
    private let threads: NIOThreadPool

    init(threads: NIOThreadPool, open: @escaping @Sendable () throws(ArtifactError) -> FileReader) {
        self.threads = threads
        self.open = open
    }

    package func makeAsyncIterator() -> Iterator {
        Iterator(open: open, threads: threads)
    }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let open: @Sendable () throws(ArtifactError) -> FileReader
        fileprivate let threads: NIOThreadPool
        private var reader: FileReader?

        fileprivate init(open: @escaping @Sendable () throws(ArtifactError) -> FileReader, threads: NIOThreadPool) {
            self.open = open
            self.threads = threads
        }

        package mutating func next() async throws -> [UInt8]? {
            let current = reader
            let open = open
            let (reader, chunk) = try await threads.runIfActive { () throws -> (FileReader, [UInt8]?) in
                let reader = try current ?? open()
                return (reader, try reader.next())
            }
            self.reader = reader
            return chunk
        }
    }
}
