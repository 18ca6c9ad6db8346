internal import Archives
internal import CSV
internal import FoundationEssentials

/// Where a roster comes from.
package enum RosterSource: Sendable, Equatable {
    /// A zip file.
    case zip(String)
    /// A folder with the files.
    case folder(String)

    /// Takes a path for what it is: a folder, or else a zip.
    package init(path: String) {
        var isFolder = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        self = exists && isFolder ? .folder(path) : .zip(path)
    }

    /// The paths of all files inside, folders left out, with their sizes where known.
    func files(limits: ArchiveLimits) throws -> [PackageListing.File] {
        switch self {
        case .zip(let path):
            do {
                return try ZipReader.entries(of: path, limits: limits).filter { !$0.isFolder }
                    .map { PackageListing.File(path: $0.path, bytes: $0.claimedBytes) }
            } catch {
                throw RosterError(error)
            }
        case .folder(let path):
            return try Self.files(inFolder: path, limit: limits.entries)
        }
    }

    /// Bytes of a file in which its header must end to be recognised by it; no roster's is near that.
    private static let headBytes = 64 << 10

    /// The column names of some of the package's files, by path; those that are no CSV or cannot be read are left out.
    func headers(of files: [PackageListing.File], limits: ArchiveLimits) throws -> [String: [String]] {
        guard !files.isEmpty else { return [:] }
        var headers: [String: [String]] = [:]
        switch self {
        case .folder(let path):
            for file in files {
                // Nobody asked for this file, so one that may not be read is no failure; it is named as unknown.
                guard let input = try? InputFile(path: path + "/" + file.path) else { continue }
                headers[file.path] = try? Self.header { try input.read(into: $0) }
            }
        case .zip(let path):
            let wanted = Set(files.map(\.path))
            let archive = OpenZip(try ZipReader(path: path, limits: limits))
            while let entry = try archive.reader.nextEntry() {
                guard wanted.contains(entry.path), headers[entry.path] == nil else { continue }
                headers[entry.path] = try? Self.header { try archive.reader.read(into: $0) }
            }
        }
        return headers
    }

    private static func header(_ read: (UnsafeMutableRawBufferPointer) throws -> Int) throws -> [String]? {
        var scanner = CSVScanner(bytes: try head(headBytes, read))
        return try scanner.next() ? scanner.fields : nil
    }

    /// The first bytes of a file, `limit` at most.
    static func head(_ limit: Int, _ read: (UnsafeMutableRawBufferPointer) throws -> Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        var filled = 0
        while filled < limit {
            let count = try bytes.withUnsafeMutableBytes {
                try read(UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
            }
            guard count > 0 else { break }
            filled += count
        }
        return Array(bytes.prefix(filled))
    }

    /// Looks two levels deep, and no further: a roster never lies deeper, and a wrong path may be the root of a disk.
    private static func files(inFolder folder: String, limit: Int) throws -> [PackageListing.File] {
        var found: [PackageListing.File] = []
        for name in try names(in: folder) {
            var isFolder = false
            let path = folder + "/" + name
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { continue }
            if isFolder {
                guard !name.hasPrefix(".") else { continue }
                for inner in try names(in: path) {
                    var isInnerFolder = false
                    let innerPath = path + "/" + inner
                    let isThere = FileManager.default.fileExists(atPath: innerPath, isDirectory: &isInnerFolder)
                    if isThere && !isInnerFolder { found.append(file(folder, "\(name)/\(inner)")) }
                }
            } else {
                found.append(file(folder, name))
            }
            // A folder may hold other things than the roster, so the limit is wider than a zip's.
            guard found.count <= limit * 16 else {
                throw RosterError(
                    .overLimit, detail: "the folder holds more than \(limit * 16) files",
                    remedy: "Name the folder that holds the roster's CSV files.")
            }
        }
        return found
    }

    private static func names(in folder: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            throw RosterError(
                .unreadable, detail: "the folder cannot be listed",
                remedy: "Check that the path exists and may be read.", isTransient: true)
        }
    }

    private static func file(_ folder: String, _ name: String) -> PackageListing.File {
        // A size is only used for progress; a file that cannot be looked at fails when it is read.
        let bytes = try? InputFile(path: folder + "/" + name).byteCount
        return PackageListing.File(path: name, bytes: bytes)
    }
}

/// Holds the reader for the closures that read from it; entries are read one after the other, on one thread.
final class OpenZip {
    var reader: ZipReader

    init(_ reader: consuming ZipReader) {
        self.reader = reader
    }
}
