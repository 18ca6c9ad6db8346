import Archives
import Foundation
import Testing

@Suite(.timeLimit(.minutes(5)))
struct ZipTests {
    private func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.path + "/zip-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body(folder)
    }

    private func makeZip(
        _ path: String, _ entries: [(String, [UInt8])], _ how: ZipWriter.Compression = .deflate(level: 6)
    ) throws {
        var writer = try ZipWriter(path: path, compression: how)
        for (name, bytes) in entries { try writer.add(bytes: bytes, as: name) }
        try writer.finish()
    }

    private func contents(_ path: String, limits: ArchiveLimits = ArchiveLimits()) throws -> [String: [UInt8]] {
        var reader = try ZipReader(path: path, limits: limits)
        var found: [String: [UInt8]] = [:]
        while let entry = try reader.nextEntry() {
            var bytes: [UInt8] = []
            var block = [UInt8](repeating: 0, count: 1000)
            while true {
                let count = try block.withUnsafeMutableBytes { try reader.read(into: $0) }
                guard count > 0 else { break }
                bytes += block.prefix(count)
            }
            found[entry.path] = bytes
        }
        return found
    }

    private func code(_ body: () throws -> Void) -> ArchiveError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? ArchiveError)?.code
        }
    }

    @Test(arguments: [ZipWriter.Compression.store, .deflate(level: 1), .deflate(level: 9)])
    func `what is packed is unpacked, and equal input gives equal bytes`(how: ZipWriter.Compression) throws {
        try withFolder { folder in
            let big = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            try Data(big).write(to: URL(fileURLWithPath: folder + "/big.bin"))
            for name in ["a.zip", "b.zip"] {
                var writer = try ZipWriter(path: folder + "/" + name, compression: how)
                try writer.add(file: folder + "/big.bin", as: "big.bin")
                try writer.add(bytes: [], as: "empty.csv")
                try writer.add(bytes: Array("ü".utf8), as: "nämé.csv")
                try writer.finish()
            }
            let found = try contents(folder + "/a.zip")
            #expect(found == ["big.bin": big, "empty.csv": [], "nämé.csv": Array("ü".utf8)])
            let files = try ["a.zip", "b.zip"].map { try Data(contentsOf: URL(fileURLWithPath: folder + "/" + $0)) }
            #expect(files[0] == files[1])
        }
    }

    @Test(arguments: ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "C:/evil.csv"])
    func `a path that leads out is refused`(name: String) throws {
        try withFolder { folder in
            try makeZip(folder + "/a.zip", [(name, [1])])
            #expect(code { _ = try ZipReader.entries(of: folder + "/a.zip") } == .unsafePath)
        }
    }

    @Test func `entries, size and ratio have limits`() throws {
        try withFolder { folder in
            let zeros = [UInt8](repeating: 0x30, count: 1 << 20)
            try makeZip(folder + "/a.zip", [("a", zeros), ("b", [1]), ("c", [1])])
            var limits = ArchiveLimits()
            limits.entries = 2
            #expect(code { _ = try ZipReader.entries(of: folder + "/a.zip", limits: limits) } == .tooManyEntries)
            limits = ArchiveLimits()
            limits.totalBytes = 1000
            #expect(code { _ = try contents(folder + "/a.zip", limits: limits) } == .tooLarge)
            limits = ArchiveLimits()
            limits.ratioFloorBytes = 1 << 16
            #expect(code { _ = try contents(folder + "/a.zip", limits: limits) } == .ratioTooHigh)
            #expect(try contents(folder + "/a.zip").count == 3)
        }
    }

    @Test func `what is no zip, cut short, or missing is told apart`() throws {
        try withFolder { folder in
            let path = folder + "/a.zip"
            try Data("not a zip at all".utf8).write(to: URL(fileURLWithPath: path))
            #expect(code { _ = try contents(path) } == .notAnArchive)
            #expect(code { _ = try contents(folder + "/none.zip") } == .unreadable)
            try makeZip(path, [("a", (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 4) })])
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
            #expect(code { _ = try contents(path) } == .damaged)
        }
    }

    @Test func `a zip in a folder that is not there cannot be written`() {
        #expect(code { _ = try ZipWriter(path: "/does/not/exist/a.zip") } == .writeFailed)
    }
}
