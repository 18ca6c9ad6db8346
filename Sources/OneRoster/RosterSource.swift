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
