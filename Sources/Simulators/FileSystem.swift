import Glibc

/// The few file calls the simulators need, with errors that name the path.
enum FileSystem {
    /// An error with the system's own words for the last call that failed.
    static func error(_ operation: String) -> SimulatorError {
        let reason = String(cString: strerror(errno))
        return SimulatorError(
            .fileSystem, operation: operation,
            remedy: "The system said: \(reason). Check the path, its rights and the space left.")
    }

    /// Makes a folder and those above it; one that is there already is fine.
    static func createFolder(_ path: String) throws {
        var partial = path.hasPrefix("/") ? "" : "."
        for name in path.split(separator: "/") {
            partial += "/\(name)"
            guard mkdir(partial, 0o755) == 0 || errno == EEXIST else { throw error("create folder \(partial)") }
        }
    }

    /// A new, empty folder under the system's temporary folder, for the caller to remove.
    static func createScratchFolder(_ label: String) throws -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/\(label)-XXXXXX".utf8CString)
        let created = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        guard let created else { throw error("create a scratch folder under \(base)") }
        return created
    }

    /// The names in a folder, in order, without the dot entries.
    static func names(in folder: String) throws -> [String] {
        guard let directory = opendir(folder) else { throw error("list \(folder)") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The size in bytes, or nothing if there is no such file.
    static func size(of path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// Removes a file, or a folder with all it holds. What is not there is no error: the aim is reached.
    static func remove(_ path: String) {
        if isFolder(path) {
            for name in (try? names(in: path)) ?? [] { remove("\(path)/\(name)") }
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    /// When a file was last changed, in nanoseconds since 1970; 0 if there is no such file.
    static func changed(_ path: String) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { return 0 }
        return status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
    }
}

/// The beginning of a file, block by block. Must be closed.
struct FileBlocks {
    private let path: String
    private let descriptor: Int32
    private let blockBytes: Int
    private var left: Int

    /// - Parameter limit: How many bytes are read at most.
    /// - Throws: `SimulatorError` with `.fileSystem`.
    init(path: String, limit: Int, blockBytes: Int) throws {
        self.path = path
        self.blockBytes = blockBytes
        left = limit
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystem.error("read \(path)") }
    }

    func closeFile() {
        close(descriptor)
    }

    /// - Returns: Nothing at the end.
    mutating func next() throws -> [UInt8]? {
        guard left > 0 else { return nil }
        var block = [UInt8](repeating: 0, count: min(left, blockBytes))
        let count = block.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw FileSystem.error("read \(path)") }
        block.removeSubrange(count...)
        left -= count
        return count == 0 ? nil : block
    }
}

/// A folder for passing files, removed with the last reference to it.
package final class ScratchFolder: Sendable {
    package let path: String

    /// - Throws: `SimulatorError` with `.fileSystem`.
    package init(_ label: String = "simulator") throws {
        path = try FileSystem.createScratchFolder(label)
    }

    deinit {
        FileSystem.remove(path)
    }
}
