internal import CArchive
import Glibc

/// What both directions need of files and of libarchive's messages.
enum ArchiveFile {
    /// A file's size and its first four bytes.
    static func look(at path: String) throws(ArchiveError) -> (bytes: UInt64, magic: [UInt8]) {
        let descriptor = try open(path)
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ArchiveError(.unreadable, detail: "it is not a regular file")
        }
        var magic: [UInt8] = [0, 0, 0, 0]
        let count = unsafe Glibc.read(descriptor, &magic, magic.count)
        return (UInt64(status.st_size), Array(magic.prefix(max(count, 0))))
    }

    static func open(_ path: String) throws(ArchiveError) -> Int32 {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ArchiveError(.unreadable, detail: "the system refuses with error \(errno)")
        }
        return descriptor
    }

    static func message(of archive: OpaquePointer) -> String {
        guard let text = unsafe archive_error_string(archive) else { return "no reason given" }
        return unsafe String(cString: text)
    }
}
