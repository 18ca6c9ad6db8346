import Archives
import Foundation

/// A folder of one test, removed with it.
final class TestFolder {
    let path: String

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "simulators-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: "\(path)/\(name)")))
    }

    func lines(_ name: String) throws -> [String] {
        String(decoding: try bytes(name), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// The fields of a CSV file without line breaks inside fields.
    func table(_ name: String) throws -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var wasQuote = false
        for byte in try bytes(name) {
            switch byte {
            case 34:
                // A doubled quote ends the quoted text and begins it again, and stands for one.
                if !isQuoted, wasQuote { field.append(34) }
                isQuoted.toggle()
            case 44 where !isQuoted, 10 where !isQuoted:
                row.append(String(decoding: field, as: UTF8.self))
                field.removeAll(keepingCapacity: true)
                guard byte == 10 else { break }
                rows.append(row)
                row.removeAll(keepingCapacity: true)
            default: field.append(byte)
            }
            wasQuote = byte == 34
        }
        return rows
    }

    func write(_ name: String, _ text: String) throws -> String {
        let file = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(filePath: file))
        return file
    }

    func write(_ name: String, bytes: [UInt8]) throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(filePath: file))
        return file
    }

    /// A zip of these files, in this order.
    func zip(_ name: String, _ files: KeyValuePairs<String, String>) throws -> String {
        let path = "\(path)/\(name)"
        var zip = try ZipWriter(path: path)
        for (name, text) in files { try zip.add(bytes: Array(text.utf8), as: name) }
        try zip.finish()
        return path
    }
}
