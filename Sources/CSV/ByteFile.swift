import Glibc

/// A file open for reading, closed with the last reference.
package final class InputFile {
    private let descriptor: Int32

    /// The file's size in bytes when it was opened.
    package let byteCount: UInt64

    /// Opens a regular file.
    ///
    /// - Throws: `CSVError` with `.readFailed`.
    package init(path: String) throws(CSVError) {
        let opened = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else {
            throw CSVError(.readFailed, detail: "cannot open the file, \(SystemMessage.last)")
        }
        descriptor = opened
        var status = stat()
        guard unsafe fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(opened)
            throw CSVError(.readFailed, detail: "it is not a regular file")
        }
        byteCount = UInt64(status.st_size)
    }

    deinit {
        close(descriptor)
    }

    /// Reads on from where the last read ended; 0 at the end.
    package func read(into target: UnsafeMutableRawBufferPointer) throws(CSVError) -> Int {
        while true {
            let count = unsafe Glibc.read(descriptor, target.baseAddress, target.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw CSVError(.readFailed, detail: "cannot read, \(SystemMessage.last)") }
        }
    }

    /// Reads from a place in the file without moving the place of ``read(into:)``; 0 behind the end.
    package func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(CSVError) -> Int {
        while true {
            let count = unsafe pread(descriptor, target.baseAddress, target.count, off_t(offset))
            if count >= 0 { return count }
            guard errno == EINTR else { throw CSVError(.readFailed, detail: "cannot read, \(SystemMessage.last)") }
        }
    }
}

/// A file open for writing, closed with the last reference.
package final class OutputFile {
    private let descriptor: Int32

    /// Creates the file, or empties the one that is there.
    ///
    /// - Throws: `CSVError` with `.writeFailed`.
    package init(path: String) throws(CSVError) {
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CSVError(.writeFailed, detail: "cannot create the file, \(SystemMessage.last)")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Writes all of the bytes.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(CSVError) {
        var done = 0
        while done < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                throw CSVError(.writeFailed, detail: "cannot write, \(SystemMessage.last)")
            }
        }
    }
}

/// The system's words for the last failed call.
enum SystemMessage {
    static var last: String {
        let number = errno
        // Safe on any thread since glibc 2.32, which keeps its answer per thread.
        guard let text = unsafe strerror(number) else { return "error \(number)" }
        return unsafe String(cString: text)
    }
}
