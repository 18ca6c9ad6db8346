internal import CArchive
import Glibc

/// Writes a zip from files, streaming; sizes beyond 4 GiB become zip64 by themselves.
///
/// Equal files in equal order give equal bytes: every entry carries the same time. Legal order: ``add(file:as:)``…,
/// then ``finish()``; a writer dropped before that leaves a zip without its directory, which nobody can read.
@safe
package struct ZipWriter: ~Copyable {
    /// How entries are packed.
    package enum Compression: Sendable, Equatable {
        /// Not at all.
        case store
        /// Deflate, 1 (quick, the default of a nightly job) to 9 (small).
        case deflate(level: Int)
    }

    /// 1 January 2000, noon in UTC: a time that a zip can hold in every zone.
    private static let fixedTime: Int = 946_728_000
    private static let blockBytes = 1 << 18

    private let archive: OpaquePointer

    /// Creates the zip, or replaces the file that is there.
    ///
    /// - Throws: `ArchiveError` with `.writeFailed`.
    package init(path: String, compression: Compression = .deflate(level: 1)) throws(ArchiveError) {
        guard let opened = unsafe archive_write_new() else {
            throw ArchiveError(.writeFailed, detail: "no memory for the writer")
        }
        unsafe archive_write_set_format_zip(opened)
        let options =
            switch compression {
            case .store: "zip:compression=store"
            case .deflate(let level): "zip:compression=deflate,zip:compression-level=\(min(max(level, 1), 9))"
            }
        guard unsafe archive_write_set_options(opened, options) == ARCHIVE_OK,
            unsafe archive_write_open_filename(opened, path) == ARCHIVE_OK
        else {
            let message = unsafe ArchiveFile.message(of: opened)
            unsafe archive_write_free(opened)
            throw ArchiveError(.writeFailed, detail: message)
        }
        unsafe archive = opened
    }

    deinit {
        unsafe archive_write_free(archive)
    }

    /// Adds a file under a name of its own.
    ///
    /// - Throws: `ArchiveError` with `.unreadable` for the file, `.writeFailed` for the zip.
    package mutating func add(file path: String, as name: String) throws(ArchiveError) {
        let (size, _) = try ArchiveFile.look(at: path)
        let descriptor = try ArchiveFile.open(path)
        defer { close(descriptor) }
        try begin(name, bytes: size)
        var block = [UInt8](repeating: 0, count: Self.blockBytes)
        while true {
            let count = unsafe Glibc.read(descriptor, &block, block.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw ArchiveError(.unreadable, entry: name, detail: "error \(errno) while reading")
            }
            guard count > 0 else { break }
            try unsafe check(archive_write_data(archive, block, count) == count, name)
        }
        try unsafe check(archive_write_finish_entry(archive) == ARCHIVE_OK, name)
    }

    /// Adds bytes from memory under a name.
    package mutating func add(bytes: [UInt8], as name: String) throws(ArchiveError) {
        try begin(name, bytes: UInt64(bytes.count))
        if !bytes.isEmpty {
            try unsafe check(archive_write_data(archive, bytes, bytes.count) == bytes.count, name)
        }
        try unsafe check(archive_write_finish_entry(archive) == ARCHIVE_OK, name)
    }

    /// Writes the zip's directory and closes it.
    package consuming func finish() throws(ArchiveError) {
        try unsafe check(archive_write_close(archive) == ARCHIVE_OK, nil)
    }

    private func begin(_ name: String, bytes: UInt64) throws(ArchiveError) {
        guard let entry = unsafe archive_entry_new() else {
            throw ArchiveError(.writeFailed, entry: name, detail: "no memory for the entry")
        }
        defer { unsafe archive_entry_free(entry) }
        unsafe archive_entry_set_pathname_utf8(entry, name)
        unsafe archive_entry_set_size(entry, Int64(bytes))
        unsafe archive_entry_set_filetype(entry, UInt32(Glibc.S_IFREG))
        unsafe archive_entry_set_perm(entry, 0o644)
        unsafe archive_entry_set_mtime(entry, Self.fixedTime, 0)
        try unsafe check(archive_write_header(archive, entry) == ARCHIVE_OK, name)
    }

    private func check(_ succeeded: Bool, _ name: String?) throws(ArchiveError) {
        guard !succeeded else { return }
        throw ArchiveError(.writeFailed, entry: name, detail: unsafe ArchiveFile.message(of: archive))
    }
}
