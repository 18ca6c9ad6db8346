import Glibc

/// Appends bytes to a file in large blocks.
///
/// The rows of a district are put together here byte by byte: a million pupils are written without a `String` for each.
/// Not safe for concurrent use; one writer belongs to one call.
final class BlockWriter {
    private static let blockBytes = 1 << 20

    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private(set) var bytesWritten = 0

    /// Creates the file, or empties the one that is there.
    ///
    /// - Throws: `SimulatorError` with `.fileSystem`.
    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileSystem.error("create \(path)") }
        buffer.reserveCapacity(BlockWriter.blockBytes + 4096)
    }

    deinit {
        close(descriptor)
    }

    func append(_ bytes: [UInt8]) {
        buffer.append(contentsOf: bytes)
    }

    func append(_ text: StaticString) {
        buffer.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func append(_ byte: UInt8) {
        buffer.append(byte)
    }

    func append(text: String) {
        buffer.append(contentsOf: text.utf8)
    }

    /// Appends a number with leading zeros up to `width` digits, and with more digits where it needs them.
    func append(number: Int, width: Int = 1) {
        var digits: (UInt64, UInt64, UInt32) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { scratch in
            var rest = number
            var start = scratch.count
            repeat {
                start -= 1
                scratch[start] = UInt8(truncatingIfNeeded: 48 + rest % 10)
                rest /= 10
            } while rest > 0 || scratch.count - start < width
            buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch[start...]))
        }
    }

    /// Ends a row and hands a full block to the file.
    func endRow() throws {
        buffer.append(10)
        if buffer.count >= BlockWriter.blockBytes { try flush() }
    }

    /// Writes what is left. To be called once, at the end: what is not flushed is lost with the writer.
    func flush() throws {
        try buffer.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw FileSystem.error("write \(path)") }
                rest = rest.dropFirst(count)
            }
        }
        bytesWritten += buffer.count
        buffer.removeAll(keepingCapacity: true)
    }
}
