import Crypto
import FoundationEssentials
import Glibc
package import NIOPosix

/// Keeps files in a folder, as `ab/cdef…` by their hash. Several processes may share it, also over a network file
/// system: a file appears under its name only when it is whole and on the disk.
package struct FolderArtifactStore: ArtifactStore {
    private let folder: String
    private let threads: NIOThreadPool

    /// - Parameters:
    ///   - folder: made at the first write if it is missing.
    ///   - threads: where reads and writes may block.
    package init(folder: String, threads: NIOThreadPool = .singleton) {
        self.folder = folder
        self.threads = threads
    }

    package func put(fileAt path: String) async throws(ArtifactError) -> StoredArtifact {
        try await blocking { () throws(ArtifactError) in try store(path) }
    }

    package func materialize(_ sha256: [UInt8], at path: String) async throws(ArtifactError) {
        try await blocking { () throws(ArtifactError) in
            let stored = location(of: sha256)
            guard access(stored, R_OK) == 0 else {
                throw ArtifactError(
                    .notFound, "The stored file \(stored) is gone; run the job again from the step that made it.")
            }
            unlink(path)
            guard symlink(stored, path) == 0 else {
                throw ArtifactError(.notWritable, "Cannot link \(path): \(String(cString: strerror(errno))).")
            }
        }
    }

    package func read(_ sha256: [UInt8]) -> ArtifactChunks {
        let path = location(of: sha256)
        return ArtifactChunks(threads: threads) { () throws(ArtifactError) in try FileReader(path: path) }
    }

    package func check() async throws(ArtifactError) {
        try await blocking { () throws(ArtifactError) in
            try makeFolder(folder)
            guard access(folder, R_OK | W_OK | X_OK) == 0 else {
                throw ArtifactError(
                    .notWritable,
                    "The artifact folder \(folder) cannot be written; give it to the user that runs Rosterline.")
            }
        }
    }

    /// Seconds after which nobody can still be writing a file: a step's lease has run out many times.
    private static let abandonedAfter: TimeInterval = 86_400

    private func store(_ path: String) throws(ArtifactError) -> StoredArtifact {
        try makeFolder(folder + "/incoming")
        removeAbandoned()
        let incoming = "\(folder)/incoming/\(UUID().uuidString)"
        defer { unlink(incoming) }
        let stored = try copy(path, to: incoming)
        let target = location(of: stored.sha256)
        if access(target, R_OK) == 0 { return stored }
        try makeFolder(String(target[..<(target.lastIndex(of: "/") ?? target.endIndex)]))
        guard rename(incoming, target) == 0 else { throw unwritable(target) }
        try synchronizeFolder(of: target)
        return stored
    }

    /// Removes what processes left that were killed while they wrote. What cannot be removed is left to the next time.
    private func removeAbandoned() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/incoming")) ?? []
        for name in names {
            let path = "\(folder)/incoming/\(name)"
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            guard let written = attributes?[.modificationDate] as? Date else { continue }
            if written.timeIntervalSinceNow < -Self.abandonedAfter { unlink(path) }
        }
    }

    /// Copies, hashes and syncs in one pass.
    private func copy(_ path: String, to target: String) throws(ArtifactError) -> StoredArtifact {
        let reader = try FileReader(path: path)
        let descriptor = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw unwritable(target) }
        defer { close(descriptor) }
        var hash = SHA256()
        var bytes: Int64 = 0
        while let chunk = try reader.next() {
            hash.update(data: chunk)
            bytes += Int64(chunk.count)
            var offset = 0
            while offset < chunk.count {
                let wrote = chunk.withUnsafeBytes {
                    write(descriptor, $0.baseAddress.map { $0 + offset }, chunk.count - offset)
                }
                if wrote < 0 && errno == EINTR { continue }
                guard wrote > 0 else { throw unwritable(target) }
                offset += wrote
            }
        }
        guard fsync(descriptor) == 0 else { throw unwritable(target) }
        return StoredArtifact(sha256: Array(hash.finalize()), bytes: bytes)
    }

    private func synchronizeFolder(of target: String) throws(ArtifactError) {
        let descriptor = open(String(target[..<(target.lastIndex(of: "/") ?? target.endIndex)]), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unwritable(target) }
        fsync(descriptor)
        close(descriptor)
    }

    private func makeFolder(_ path: String) throws(ArtifactError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw ArtifactError(
                .notWritable, "Cannot make the folder \(path); check the artifact folder's owner and space.")
        }
    }

    private func unwritable(_ path: String) -> ArtifactError {
        ArtifactError(
            .notWritable, "Cannot write \(path): \(String(cString: strerror(errno))). Check the space and the owner.")
    }

    private func location(of sha256: [UInt8]) -> String {
        let digits = sha256.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }
        return "\(folder)/\(digits.first ?? "00")/\(digits.dropFirst().joined())"
    }

    private func blocking<T: Sendable>(
        _ work: @escaping @Sendable () throws(ArtifactError) -> T
    ) async throws(ArtifactError) -> T {
        do {
            return try await threads.runIfActive { try work() }
        } catch let error as ArtifactError {
            throw error
        } catch {
            throw ArtifactError(.notWritable, "The process is ending; the step will be taken up again.")
        }
    }
}
