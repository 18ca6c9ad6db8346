internal import FoundationEssentials

/// One table of a snapshot.
package struct RosterTable: Sendable, Codable, Equatable {
    /// Which table.
    package let kind: RosterTableKind

    /// Its file in the snapshot's folder.
    package let file: String

    /// Its name in the package.
    package let sourceName: String

    /// Rows below the header; blank lines do not count.
    package let rows: Int

    /// Bytes of the file.
    package let bytes: UInt64

    /// Whether it holds everything or changes only: as the manifest says, else bulk.
    package let mode: RosterManifest.Mode

    /// Whether a NUL stands somewhere in it, so that rows must be looked at for it.
    package let holdsNUL: Bool
}

/// What an extract produced: a source's tables under their standard names in one folder, with what is to be said about
/// them.
///
/// Immutable once written. The folder holds `snapshot.json`, which is this value, beside the tables.
package struct RosterSnapshot: Sendable, Codable, Equatable {
    /// What kind of package it was, as far as one can tell.
    package enum Version: String, Sendable, Codable, CaseIterable {
        case oneRoster10 = "1.0"
        case oneRoster11 = "1.1"
        case oneRoster12 = "1.2"
        /// Microsoft's School Data Sync, version 2 or 2.1.
        case schoolDataSync = "sds"
    }

    /// The description's own format; a reader takes only the one it knows.
    package let format: Int

    /// What kind of package it was.
    package let version: Version

    /// Whether the package had a manifest.
    package let hasManifest: Bool

    /// The tables that were found and can be converted, in the order of ``RosterTableKind``.
    package let tables: [RosterTable]

    /// What the manifest announces but the package lacks. Of these types nothing may be deleted.
    package let missing: [RosterTableKind]

    /// What was noticed about package, manifest and headers.
    package let issues: [RosterIssue]

    /// The folder it lies in; not part of the stored description.
    package private(set) var folder = ""

    private enum CodingKeys: String, CodingKey {
        case format, version, hasManifest, tables, missing, issues
    }

    /// The description's file name.
    package static let fileName = "snapshot.json"

    /// The format written today.
    package static let currentFormat = 1

    init(
        version: Version, hasManifest: Bool, tables: [RosterTable], missing: [RosterTableKind], issues: [RosterIssue],
        folder: String
    ) {
        format = Self.currentFormat
        self.version = version
        self.hasManifest = hasManifest
        self.tables = tables
        self.missing = missing
        self.issues = issues
        self.folder = folder
    }

    /// A table, if the package has it.
    package func table(_ kind: RosterTableKind) -> RosterTable? { tables.first { $0.kind == kind } }

    /// Rows of all tables.
    package var rowCount: Int { tables.reduce(0) { $0 + $1.rows } }

    /// Bytes of all tables.
    package var byteCount: UInt64 { tables.reduce(0) { $0 + $1.bytes } }

    /// Where a table lies.
    package func path(of table: RosterTable) -> String { folder + "/" + table.file }

    /// Reopens a snapshot from its folder.
    ///
    /// - Throws: `RosterError` with `.snapshotDamaged`.
    package static func open(folder: String) throws -> RosterSnapshot {
        let damaged = RosterError(
            .snapshotDamaged, file: fileName, detail: "the description cannot be read",
            remedy: "Extract the roster again.")
        guard let data = FileManager.default.contents(atPath: folder + "/" + fileName),
            var snapshot = try? JSONDecoder().decode(RosterSnapshot.self, from: data),
            snapshot.format == currentFormat
        else { throw damaged }
        for table in snapshot.tables where table.file != table.kind.fileName { throw damaged }
        snapshot.folder = folder
        return snapshot
    }

    /// Writes the description beside the tables.
    func save() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let data = try encoder.encode(self)
        guard FileManager.default.createFile(atPath: folder + "/" + Self.fileName, contents: data) else {
            throw RosterError(
                .cannotWrite, file: Self.fileName, detail: "the description cannot be written",
                remedy: "Check the free space and the rights of the folder.", isTransient: true)
        }
    }
}
