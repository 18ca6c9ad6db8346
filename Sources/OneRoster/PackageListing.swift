/// Decides which files of a package are which tables: pure, from names, and where these say nothing from headers.
///
/// Made from the names first; then whoever can read looks at the ``candidates``, and ``settle(headers:)`` gives a file
/// of a name of its own the place of a table that the package lacks.
struct PackageListing: Sendable, Equatable {
    /// A file of the package.
    struct File: Sendable, Equatable {
        /// Its path inside the package.
        let path: String

        /// Its size in bytes where known.
        let bytes: UInt64?

        var folders: [Substring] { path.split(separator: "/").dropLast() }
        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    }

    /// The file to read for each table.
    private(set) var tables: [RosterTableKind: File] = [:]

    /// The manifest.
    private(set) var manifest: File?

    /// Files that are no table.
    private(set) var unknown: [File] = []

    /// What deviates from the standard.
    private(set) var issues: [RosterIssue] = []

    /// The files that are read, by path.
    var kindsByPath: [String: RosterTableKind] {
        Dictionary(tables.map { ($1.path, $0) }, uniquingKeysWith: { first, _ in first })
    }

    init(files: [File]) {
        let wanted = files.filter { !Self.isLeftover($0) }
            .sorted { ($0.folders.count, $0.path) < ($1.folders.count, $1.path) }
        var seenPaths: Set<String> = []
        for file in wanted {
            guard seenPaths.insert(file.path).inserted else {
                note(file, .packageDuplicateFile, "The name is there twice; the first is read.")
                continue
            }
            take(file)
        }
    }

    /// Unknown CSV files that may be tables by their columns.
    var candidates: [File] {
        Array(unknown.filter { $0.folders.count <= 1 && $0.name.lowercased().hasSuffix(".csv") }.prefix(64))
    }

    /// Finds tables among the ``candidates`` by their columns, and names what remains unknown.
    ///
    /// - Parameter headers: column names by path, as far as they could be read.
    mutating func settle(headers: [String: [String]]) {
        var alike: [RosterTableKind: [File]] = [:]
        for file in candidates {
            let kinds = headers[file.path].map(RosterHeader.kinds(ofColumns:)) ?? []
            if kinds.count == 1 { alike[kinds[0], default: []].append(file) }
        }
        var reasons: [String: String] = [:]
        for kind in RosterTableKind.allCases {
            guard let files = alike[kind] else { continue }
            if tables[kind] == nil && files.count == 1 {
                tables[kind] = files[0]
                unknown.removeAll { $0 == files[0] }
                note(files[0], .packageFileName, "It has the columns of \(kind.fileName) and is read as that.")
            } else {
                let why = tables[kind] != nil ? "the package has that table" : "several files have them"
                for file in files { reasons[file.path] = "Its columns are those of \(kind.fileName), but \(why)" }
            }
        }
        for file in unknown {
            let reason = reasons[file.path] ?? "The file is no table of the standard"
            note(file, .packageUnknownFile, "\(reason); it is not read.", severity: .notice)
        }
        noteNesting()
    }

    private mutating func noteNesting() {
        if let nested = ([manifest].compactMap { $0 } + tables.values).filter({ !$0.folders.isEmpty }).map(\.path).min()
        {
            let folder = nested.split(separator: "/").dropLast().joined(separator: "/")
            issues.append(
                RosterIssue(
                    file: nested, code: .packageNested, severity: .warning,
                    message: "The files lie in the folder \(folder) instead of at the top."))
        }
    }

    private mutating func take(_ file: File) {
        let folded = file.name.lowercased()
        guard file.folders.count <= 1, folded == "manifest.csv" || RosterTableKind(fileName: folded) != nil else {
            unknown.append(file)
            return
        }
        guard let kind = RosterTableKind(fileName: folded) else {
            if manifest == nil {
                manifest = file
                checkName(file, "manifest.csv")
            } else {
                note(file, .packageDuplicateFile, "There is another manifest, which is read instead.")
            }
            return
        }
        guard tables[kind] == nil else {
            note(file, .packageDuplicateFile, "Another file of this table is read instead.")
            return
        }
        tables[kind] = file
        checkName(file, kind.fileName)
        if !kind.isConverted {
            issues.append(
                RosterIssue(
                    file: kind.fileName, code: .packageUnusedTable, severity: .notice,
                    message: "Canvas's SIS files have no place for this table; it is not read."))
        }
    }

    private mutating func checkName(_ file: File, _ standard: String) {
        guard file.name != standard else { return }
        note(file, .packageFileName, "The standard's name is \(standard).")
    }

    private mutating func note(
        _ file: File, _ code: RosterIssueCode, _ message: String, severity: RosterIssue.Severity = .warning
    ) {
        let name = String(file.path.unicodeScalars.filter { $0.value >= 0x20 }.map(Character.init).prefix(120))
        issues.append(RosterIssue(file: name, code: code, severity: severity, message: message))
    }

    /// What archivers and file managers leave behind.
    private static func isLeftover(_ file: File) -> Bool {
        let parts = file.path.split(separator: "/")
        guard let name = parts.last else { return true }
        return parts.contains("__MACOSX") || name.hasPrefix(".") || name == "Desktop DB" || name == "Desktop DF"
            || name == "Thumbs.db"
    }
}
