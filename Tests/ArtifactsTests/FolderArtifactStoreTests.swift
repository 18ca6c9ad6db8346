import Artifacts
import Foundation
import Testing

@Suite(.timeLimit(.minutes(5))) struct FolderArtifactStoreTests {
    private let folder: String
    private let store: FolderArtifactStore

    init() throws {
        folder = NSTemporaryDirectory() + "/artifacts-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        store = FolderArtifactStore(folder: folder + "/store")
    }

    private func file(_ bytes: [UInt8]) throws -> String {
        let path = folder + "/\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test(arguments: [0, 1, 1 << 20, (1 << 20) + 1, 3_000_000])
    func `what was put is what is read`(count: Int) async throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let stored = try await store.put(fileAt: file(bytes))
        var read: [UInt8] = []
        for try await chunk in store.read(stored.sha256) { read += chunk }
        #expect(read == bytes)
        #expect(stored.bytes == Int64(count))
    }

    @Test func `the hash is the SHA-256 of the content`() async throws {
        let stored = try await store.put(fileAt: file(Array("abc".utf8)))
        let hex = stored.sha256.map { String(format: "%02x", $0) }.joined()
        #expect(hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func `the same content is kept once`() async throws {
        let first = try await store.put(fileAt: file([1, 2, 3]))
        let second = try await store.put(fileAt: file([1, 2, 3]))
        #expect(first == second)
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder + "/store")
        #expect(names.filter { $0.count > 60 }.count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/store/incoming").isEmpty)
    }

    @Test func `a materialized file reads as the content`() async throws {
        let stored = try await store.put(fileAt: file([7, 8, 9]))
        let path = folder + "/here"
        try await store.materialize(stored.sha256, at: path)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data([7, 8, 9]))
    }

    @Test func `a file that is gone is an error that says what to do`() async throws {
        let missing = [UInt8](repeating: 9, count: 32)
        let error = await #expect(throws: ArtifactError.self) {
            try await store.materialize(missing, at: folder + "/x")
        }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("run the job again") == true)
        await #expect(throws: ArtifactError.self) { for try await _ in store.read(missing) {} }
    }

    @Test func `what a killed process was writing goes after a day`() async throws {
        _ = try await store.put(fileAt: file([1]))
        let incoming = folder + "/store/incoming"
        for (name, age) in [("old", 90_000.0), ("young", 3_600.0)] {
            try Data([1]).write(to: URL(fileURLWithPath: incoming + "/" + name))
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: incoming + "/" + name)
        }
        _ = try await store.put(fileAt: file([2]))
        #expect(try FileManager.default.contentsOfDirectory(atPath: incoming) == ["young"])
    }

    @Test func `a folder that cannot be made is named`() async throws {
        let blocked = FolderArtifactStore(folder: try file([1]) + "/below-a-file")
        let error = await #expect(throws: ArtifactError.self) { try await blocked.check() }
        #expect(error?.code == .notWritable)
    }
}
