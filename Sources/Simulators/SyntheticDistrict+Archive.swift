package import Archives

/// Districts as OneRoster zips.
extension SyntheticDistrict {
    /// Writes the district as a zip, with all files at its root.
    ///
    /// The files are written into a scratch folder first, which is removed in the end. Blocks the thread.
    /// - Throws: `SimulatorError` with `.fileSystem`, or `ArchiveError`.
    @discardableResult
    package func write(toZip path: String, compression: ZipWriter.Compression = .deflate(level: 1)) throws -> Counts {
        let folder = try FileSystem.createScratchFolder("district")
        defer { FileSystem.remove(folder) }
        let counts = try write(toFolder: folder)
        try ZipFolder.pack(folder, to: path, compression: compression)
        return counts
    }
}

/// Packs the files of one folder, in order of their names.
enum ZipFolder {
    static func pack(_ folder: String, to path: String, compression: ZipWriter.Compression) throws {
        var zip = try ZipWriter(path: path, compression: compression)
        for name in try FileSystem.names(in: folder) where !FileSystem.isFolder("\(folder)/\(name)") {
            try zip.add(file: "\(folder)/\(name)", as: name)
        }
        try zip.finish()
    }
}
