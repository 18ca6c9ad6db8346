import Archives
import Glibc

/// Takes an uploaded archive apart into the CSV files that are to be read.
enum CanvasUploadFiles {
    struct Found: Sendable {
        /// In the order of the archive, by the last component of their paths.
        var files: [(name: String, path: String)] = []
        /// Names of files that are no CSV and no leftovers of a desktop.
        var skipped: [String] = []
    }

    /// Unpacks the CSV files of an upload into a folder; a single CSV file is taken as it is.
    ///
    /// An upload with any other extension is not opened at all, as in Canvas.
    /// - Throws: `SimulatorError` with `.unreadableArchive` or `.fileSystem`.
    static func unpack(_ upload: CanvasImport.Upload, into folder: String) throws -> Found {
        switch upload.fileExtension {
        case "csv": return Found(files: [(upload.fileName, upload.path)])
        case "zip": return try unpackZip(upload, into: folder)
        default: return Found()
        }
    }

    private static func unpackZip(_ upload: CanvasImport.Upload, into folder: String) throws -> Found {
        try FileSystem.createFolder(folder)
        var found = Found()
        var limits = ArchiveLimits()
        limits.entries = 900
        limits.ratio = 100
        do throws(ArchiveError) {
            var reader = try ZipReader(path: upload.path, limits: limits)
            while let entry = try reader.nextEntry() {
                let name = entry.path.split(separator: "/").last.map(String.init) ?? ""
                let isLeftover =
                    entry.path.contains("__MACOSX") || name.hasPrefix(".")
                    || ["Desktop DB", "Desktop DF"].contains(name)
                if entry.isFolder || isLeftover { continue }
                guard name.lowercased().hasSuffix(".csv") else {
                    found.skipped.append(name)
                    continue
                }
                let path = "\(folder)/\(found.files.count)-\(name)"
                try copy(&reader, to: path)
                found.files.append((name, path))
            }
        } catch {
            throw SimulatorError(
                .unreadableArchive, operation: "read the archive \(upload.fileName): \(error)",
                remedy: "Send a zip of CSV files.")
        }
        return found
    }

    private static func copy(_ reader: inout ZipReader, to path: String) throws(ArchiveError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        defer { close(descriptor) }
        var block = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            var failure: ArchiveError?
            let isMore = block.withUnsafeMutableBytes { buffer -> Bool in
                do throws(ArchiveError) {
                    let count = try reader.read(into: buffer)
                    let isWritten = write(descriptor, buffer.baseAddress, count) == count
                    if !isWritten { failure = ArchiveError(.writeFailed, detail: "error \(errno) while unpacking") }
                    return count > 0 && isWritten
                } catch {
                    failure = error
                    return false
                }
            }
            if let failure { throw failure }
            if !isMore { return }
        }
    }
}
