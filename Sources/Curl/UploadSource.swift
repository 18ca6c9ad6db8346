import Glibc

/// Where libcurl's read callback gets the body from; owned by the loop's thread once the transfer has begun.
enum UploadSource: Sendable {
    case none
    case bytes([UInt8])
    case file(UploadFile)
    case pipe(UploadPipe, length: Int64?)
    case multipart([CurlPart])

    /// Bytes; nil = unknown beforehand, or libcurl's own business (multipart).
    var length: Int64? {
        switch self {
        case .none: 0
        case .bytes(let bytes): Int64(bytes.count)
        case .file(let file): file.length
        case .pipe(_, let length): length
        case .multipart: nil
        }
    }
}

/// A file opened for reading, closed with the last reference. Reading is by offset, so the object has no state to
/// guard.
final class UploadFile: Sendable {
    /// Bytes at the time of opening; what grows later is not sent.
    let length: Int64
    private let descriptor: Int32

    /// - Returns: nil if it cannot be opened or is a folder; `errno` says why.
    init?(path: String) {
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return nil
        }
        length = Int64(status.st_size)
    }

    deinit { close(descriptor) }

    /// - Returns: bytes read, 0 at the end, nil on a disk error.
    func read(at offset: Int64, into target: UnsafeMutableRawBufferPointer) -> Int? {
        let wanted = min(target.count, Int(length - offset))
        guard wanted > 0 else { return 0 }
        while true {
            let count = unsafe pread(descriptor, target.baseAddress, wanted, off_t(offset))
            if count >= 0 { return count }
            guard errno == EINTR else { return nil }
        }
    }
}
