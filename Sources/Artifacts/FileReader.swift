import FoundationEssentials
import Glibc

/// Reads a file from its beginning in chunks of 1 MiB.
///
/// Sendable although it is a class with a descriptor: it has no other state, and read(2) is safe from any thread; one
/// iterator owns it and reads one chunk after the other.
final class FileReader: Sendable {
    private static let chunkBytes = 1 << 20

    private let descriptor: Int32
    private let path: String

    init(path: String) throws(ArtifactError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        self.path = path
        guard descriptor >= 0 else {
            let code: ArtifactError.Code = errno == ENOENT ? .notFound : .notReadable
            throw ArtifactError(code, "Cannot read the stored file \(path): \(String(cString: strerror(errno))).")
        }
    }

    deinit {
        close(descriptor)
    }

    /// The next chunk, or nil at the end.
    func next() throws(ArtifactError) -> [UInt8]? {
        var failure: Int32 = 0
        let descriptor = descriptor
        let chunk = [UInt8](unsafeUninitializedCapacity: Self.chunkBytes) { buffer, count in
            var got = 0
            repeat { got = Glibc.read(descriptor, buffer.baseAddress, buffer.count) } while got < 0 && errno == EINTR
            if got < 0 { failure = errno }
            count = max(got, 0)
        }
        guard failure == 0 else {
            throw ArtifactError(
                .notReadable, "Cannot read the stored file \(path): \(String(cString: strerror(failure))).")
        }
        return chunk.isEmpty ? nil : chunk
    }
}
