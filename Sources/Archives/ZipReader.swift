internal import CArchive

/// Reads a zip entry by entry, each as a stream, within limits that hold for what is really unpacked.
///
/// Legal order: ``nextEntry()``, then ``read(into:)`` until it says 0 (or not at all), then the next entry; entries
/// come in the order of the zip's directory. Nothing is ever written to a path that the zip names: the caller chooses
/// where bytes go. Memory is one block of libarchive's.
@safe
package struct ZipReader: ~Copyable {
    private static let blockBytes = 1 << 16

    private let archive: OpaquePointer
    private let limits: ArchiveLimits
    private let archiveBytes: UInt64
    private var entryCount = 0
    private var current: ZipEntry?

    /// Uncompressed bytes read so far, over all entries.
    package private(set) var unpackedBytes: UInt64 = 0

    /// Opens a zip.
    ///
    /// - Throws: `ArchiveError` with `.unreadable`, `.notAnArchive` or `.damaged`.
    package init(path: String, limits: ArchiveLimits = ArchiveLimits()) throws(ArchiveError) {
        let (size, magic) = try ArchiveFile.look(at: path)
        guard magic.starts(with: [0x50, 0x4B]) else {
            throw ArchiveError(.notAnArchive, detail: "it does not begin as a zip does")
        }
        guard let opened = unsafe archive_read_new() else {
            throw ArchiveError(.unreadable, detail: "no memory for the reader")
        }
        unsafe archive_read_support_format_zip(opened)
        guard unsafe archive_read_open_filename(opened, path, Self.blockBytes) == ARCHIVE_OK else {
            let message = unsafe ArchiveFile.message(of: opened)
            unsafe archive_read_free(opened)
            throw ArchiveError(.damaged, detail: message)
        }
        unsafe archive = opened
        archiveBytes = size
        self.limits = limits
    }

    deinit {
        unsafe archive_read_free(archive)
    }

    /// Moves to the next entry, skipping the rest of the current one.
    ///
    /// - Returns: nil at the end.
    /// - Throws: `ArchiveError` with `.damaged`, `.tooManyEntries` or `.unsafePath`.
    package mutating func nextEntry() throws(ArchiveError) -> ZipEntry? {
        var header: OpaquePointer?
        let status = unsafe archive_read_next_header(archive, &header)
        if status == ARCHIVE_EOF {
            current = nil
            return nil
        }
        guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let found = unsafe header else {
            throw ArchiveError(.damaged, detail: unsafe ArchiveFile.message(of: archive))
        }
        entryCount += 1
        guard entryCount <= limits.entries else {
            throw ArchiveError(.tooManyEntries, detail: "more than \(limits.entries) entries")
        }
        let entry = unsafe Self.entry(found, number: entryCount)
        guard entry.isSafe else {
            throw ArchiveError(.unsafePath, entry: entry.path, detail: "its name leads out of the folder")
        }
        current = entry
        return entry
    }

    /// Unpacks on from the current entry.
    ///
    /// - Returns: how many bytes; 0 at the entry's end.
    /// - Throws: `ArchiveError` with `.damaged`, `.encrypted`, `.tooLarge` or `.ratioTooHigh`.
    package mutating func read(into target: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int {
        guard let entry = current else { return 0 }
        guard !entry.isEncrypted else {
            throw ArchiveError(.encrypted, entry: entry.path, detail: "it is encrypted")
        }
        let count = unsafe archive_read_data(archive, target.baseAddress, target.count)
        guard count >= 0 else {
            throw ArchiveError(.damaged, entry: entry.path, detail: unsafe ArchiveFile.message(of: archive))
        }
        unpackedBytes += UInt64(count)
        guard unpackedBytes <= limits.totalBytes else {
            throw ArchiveError(.tooLarge, entry: entry.path, detail: "more than \(limits.totalBytes) bytes unpacked")
        }
        if unpackedBytes > limits.ratioFloorBytes && unpackedBytes / limits.ratio > archiveBytes {
            let detail = "unpacked it is more than \(limits.ratio) times as large"
            throw ArchiveError(.ratioTooHigh, entry: entry.path, detail: detail)
        }
        return count
    }

    /// Lists a zip's entries without unpacking any.
    ///
    /// - Throws: as ``init(path:limits:)`` and ``nextEntry()``.
    package static func entries(of path: String, limits: ArchiveLimits = ArchiveLimits()) throws(ArchiveError)
        -> [ZipEntry]
    {
        var reader = try ZipReader(path: path, limits: limits)
        var found: [ZipEntry] = []
        while let entry = try reader.nextEntry() { found.append(entry) }
        return found
    }

    private static func entry(_ header: OpaquePointer, number: Int) -> ZipEntry {
        let name = unsafe archive_entry_pathname_utf8(header) ?? archive_entry_pathname(header)
        let path = unsafe name.map { unsafe String(cString: $0) } ?? "entry \(number)"
        let size = unsafe archive_entry_size_is_set(header) != 0 ? UInt64(max(archive_entry_size(header), 0)) : nil
        return ZipEntry(
            path: path, claimedBytes: size, isFolder: path.hasSuffix("/"),
            isEncrypted: unsafe archive_entry_is_encrypted(header) != 0)
    }
}
