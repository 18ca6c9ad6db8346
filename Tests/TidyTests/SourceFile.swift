import Foundation

/// One file of the repository: its lines as they stand, and with everything blanked that is no code.
struct SourceFile: Sendable {
    /// From the top of the repository, such as `Sources/Jobs/StepState.swift`.
    let path: String
    let lines: [String]
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        self.lines = lines
        code = path.hasSuffix(".swift") ? SourceMask.lines(of: lines.joined(separator: "\n")) : lines
    }

    /// The folder of the target: `Jobs` for `Sources/Jobs/StepState.swift`.
    var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    var isTest: Bool { path.hasPrefix("Tests/") }

    /// A line in a list of offenders.
    func place(_ line: Int, _ words: String = "") -> String {
        "\(path):\(line + 1)\(words.isEmpty ? "" : ": \(words)")"
    }

    /// Names of the modules that are imported, with the index of the line.
    var imports: [(line: Int, module: String)] {
        code.enumerated().compactMap { index, line in
            guard line.holds("import ") else { return nil }
            return line.wholeMatch(
                of: /(?:@\w+ )*(?:package |internal |private |fileprivate )?import (?:\w+ )?(\w+)(?:\.\w+)*\s*/
            )
            .map { (index, String($0.1)) }
        }
    }
}

/// The files of the repository, read where this test was compiled.
struct SourceTree: Sendable {
    let top: URL
    let swift: [SourceFile]

    /// Read once for all tests.
    static let repository = Result { try SourceTree() }

    private init() throws {
        top = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        var files: [SourceFile] = []
        for folder in ["Sources", "Tests"] {
            for path in try Self.paths(under: top.appending(path: folder)) where path.hasSuffix(".swift") {
                files.append(try Self.file("\(folder)/\(path)", under: top))
            }
        }
        swift = files
    }

    func file(_ path: String) throws -> SourceFile { try Self.file(path, under: top) }

    /// Paths of all files in a folder and those inside it, from the top of the repository, in order.
    func paths(under folder: String) throws -> [String] {
        try Self.paths(under: top.appending(path: folder)).map { "\(folder)/\($0)" }
    }

    func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: top.appending(path: folder).path()).sorted()
    }

    private static func file(_ path: String, under top: URL) throws -> SourceFile {
        SourceFile(path: path, text: try String(contentsOf: top.appending(path: path), encoding: .utf8))
    }

    private static func paths(under folder: URL) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder.path()).sorted().filter { path in
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(
                atPath: folder.appending(path: path).path(), isDirectory: &isFolder)
            return exists && !isFolder.boolValue
        }
    }
}
