package import Archives
internal import CSV
internal import FoundationEssentials

/// How far an extract has come.
package struct RosterProgress: Sendable, Equatable {
    /// Between two calls lie at least so many bytes, but for the last call of each table.
    package static let stepBytes: UInt64 = 4 << 20

    /// The table being read.
    package let file: String

    /// Rows of this table so far.
    package let rows: Int

    /// Bytes of all tables so far.
    package let bytes: UInt64

    /// Bytes of all tables together, as far as the package tells; 0 if it does not.
    package let totalBytes: UInt64
}

/// Turns a package as it came into a snapshot: recognised tables under standard names, checked.
///
/// Work is synchronous and heavy: run it on a thread of its own. Memory does not depend on the package's size. A failed
/// run leaves files behind in `folder`, which the caller made and drops.
package struct RosterExtractor {
    private let source: RosterSource
    private let folder: String
    private let limits: ArchiveLimits
    private let progress: (RosterProgress) throws -> Void
    private var listing: PackageListing
    private var findings: [RosterTableKind: TableIntake.Finding] = [:]
    private var issues: [RosterIssue]
    private var manifest: RosterManifest?
    private var doneBytes: UInt64 = 0
    private let totalBytes: UInt64

    /// Extracts a package.
    ///
    /// - Parameter folder: an existing, empty folder.
    /// - Parameter progress: called at most every 4 MiB; what it throws ends the extract, which is how to cancel.
    /// - Throws: `RosterError`, or what `progress` throws.
    package static func extract(
        source: RosterSource, into folder: String, limits: ArchiveLimits = ArchiveLimits(),
        progress: @escaping (RosterProgress) throws -> Void = { _ in }
    ) throws -> RosterSnapshot {
        var extractor = try RosterExtractor(source, folder, limits, progress)
        do {
            switch source {
            case .folder(let path): try extractor.takeFolder(path)
            case .zip(let path): try extractor.takeZip(path)
            }
        } catch let error as ArchiveError {
            throw RosterError(error)
        } catch let error as CSVError {
            throw RosterError(error, file: "The package")
        }
        let snapshot = try extractor.snapshot()
        try snapshot.save()
        return snapshot
    }

    private init(
        _ source: RosterSource, _ folder: String, _ limits: ArchiveLimits,
        _ progress: @escaping (RosterProgress) throws -> Void
    ) throws {
        self.source = source
        self.folder = folder
        self.limits = limits
        self.progress = progress
        listing = PackageListing(files: try source.files(limits: limits))
        listing.settle(headers: try source.headers(of: listing.candidates, limits: limits))
        issues = listing.issues
        let wanted = listing.tables.filter { $0.key.isConverted }.values
        totalBytes = wanted.reduce(0) { $0 + ($1.bytes ?? 0) }
        if listing.tables.isEmpty && listing.manifest == nil {
            let names = listing.unknown.prefix(5).map(\.path).joined(separator: ", ")
            let rest = listing.unknown.count > 5 ? " and \(listing.unknown.count - 5) more" : ""
            throw RosterError(
                .noTables, detail: names.isEmpty ? "it is empty" : "only \(names)\(rest)",
                remedy:
                    "Send a package with users.csv, orgs.csv, classes.csv and enrollments.csv (OneRoster 1.1 or 1.2).")
        }
    }

    private mutating func takeFolder(_ path: String) throws {
        if let file = listing.manifest {
            let input = try InputFile(path: path + "/" + file.path)
            try takeManifest { try input.read(into: $0) }
        }
        for kind in RosterTableKind.allCases where kind.isConverted {
            guard let file = listing.tables[kind] else { continue }
            let input = try InputFile(path: path + "/" + file.path)
            try takeTable(kind, named: file.path) { try input.read(into: $0) }
        }
    }

    private mutating func takeZip(_ path: String) throws {
        let kinds = listing.kindsByPath
        let archive = OpenZip(try ZipReader(path: path, limits: limits))
        while let entry = try archive.reader.nextEntry() {
            if entry.path == listing.manifest?.path, manifest == nil {
                try takeManifest { try archive.reader.read(into: $0) }
            } else if let kind = kinds[entry.path], kind.isConverted, findings[kind] == nil {
                try takeTable(kind, named: entry.path) { try archive.reader.read(into: $0) }
            }
        }
    }

    private mutating func takeManifest(_ read: (UnsafeMutableRawBufferPointer) throws -> Int) throws {
        let bytes = try RosterSource.head(1 << 20, read)
        do {
            let read = try RosterManifest(bytes: bytes)
            issues += read.issues
            manifest = read
        } catch is CSVError {
            issues.append(
                RosterIssue(
                    file: "manifest.csv", code: .manifestVersion, severity: .warning,
                    message: "The manifest is no CSV; it is not read."))
        }
    }

    private mutating func takeTable(
        _ kind: RosterTableKind, named name: String, _ read: @escaping (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws {
        let before = doneBytes
        let (report, total) = (progress, totalBytes)
        let intake = TableIntake(kind: kind, sourceName: name, target: folder + "/" + kind.fileName, source: read) {
            try report(RosterProgress(file: kind.fileName, rows: $1, bytes: before + $0, totalBytes: total))
        }
        let finding = try intake.run()
        doneBytes += finding.bytes
        findings[kind] = finding
        issues += finding.header?.issues ?? []
        if finding.rows == 0 {
            let what = finding.header == nil ? "The file is empty." : "The table has a header and no rows."
            issues.append(
                RosterIssue(file: kind.fileName, code: .packageEmptyType, severity: .warning, message: what))
        }
    }

    private mutating func snapshot() throws -> RosterSnapshot {
        var tables: [RosterTable] = []
        for kind in RosterTableKind.allCases {
            guard let finding = findings[kind], finding.header != nil, let file = listing.tables[kind] else { continue }
            let mode = manifest?.modes[kind] == .delta ? RosterManifest.Mode.delta : .bulk
            tables.append(
                RosterTable(
                    kind: kind, file: kind.fileName, sourceName: file.path, rows: finding.rows, bytes: finding.bytes,
                    mode: mode, holdsNUL: finding.holdsNUL))
        }
        let missing = checkAgainstManifest()
        try checkForRows(tables, missing)
        return RosterSnapshot(
            version: version, hasManifest: manifest != nil, tables: tables, missing: missing, issues: issues,
            folder: folder)
    }

    private mutating func checkAgainstManifest() -> [RosterTableKind] {
        guard let manifest else {
            issues.append(
                RosterIssue(
                    file: "manifest.csv", code: .manifestMissing, severity: .warning,
                    message: "There is no manifest; every table counts as complete."))
            return []
        }
        var missing: [RosterTableKind] = []
        for kind in RosterTableKind.allCases where kind.isStandard {
            let mode = manifest.modes[kind] ?? .absent
            if mode != .absent && listing.tables[kind] == nil {
                missing.append(kind)
                issues.append(
                    RosterIssue(
                        file: kind.fileName, code: .manifestFileMissing, severity: .error,
                        message: "The manifest announces the table as \(mode.rawValue), but it is not in the package."))
            } else if mode == .absent && listing.tables[kind] != nil {
                issues.append(
                    RosterIssue(
                        file: kind.fileName, code: .manifestFileUnexpected, severity: .warning,
                        message: "The manifest does not announce the table; it is there all the same."))
            }
        }
        return missing
    }

    /// A package without any row is refused, unless it says that nothing changed: a manifest alone, or empty deltas.
    private func checkForRows(_ tables: [RosterTable], _ missing: [RosterTableKind]) throws {
        guard tables.allSatisfy({ $0.rows == 0 }) else { return }
        let saysNoChange = manifest != nil && missing.isEmpty && tables.allSatisfy { $0.mode == .delta }
        guard !saysNoChange else { return }
        let names = findings.keys.map(\.fileName).sorted().joined(separator: ", ")
        throw RosterError(
            .noRows,
            detail: names.isEmpty
                ? "no table that can be converted is there" : "\(names) \(findings.count > 1 ? "are" : "is") empty",
            remedy: "Check the export; a package of empty tables would remove everybody, so it is not taken.")
    }

    private var version: RosterSnapshot.Version {
        if let manifest, manifest.version == "1.2" { return .oneRoster12 }
        if let manifest, manifest.version == "1.1" { return .oneRoster11 }
        let names = Set(findings.values.flatMap(\.headerNames))
        if listing.tables[.relationships] != nil || listing.tables[.userFlags] != nil || names.contains("isPrimary")
            || names.contains("sessionSourcedIds") || findings[.academicSessions] == nil
        {
            return .schoolDataSync
        }
        return listing.tables[.roles] == nil ? .oneRoster10 : .oneRoster12
    }
}
