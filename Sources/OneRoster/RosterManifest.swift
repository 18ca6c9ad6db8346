internal import CSV

/// The manifest of a package: which version it claims to be, and what it announces.
package struct RosterManifest: Sendable, Equatable {
    /// What a manifest says of a table.
    package enum Mode: String, Sendable, Codable, CaseIterable {
        /// It is not in the package.
        case absent
        /// It holds everything: what is missing was removed.
        case bulk
        /// It holds changes only.
        case delta
    }

    /// The value of `oneroster.version`, or empty.
    package private(set) var version = ""

    /// The announced modes.
    package private(set) var modes: [RosterTableKind: Mode] = [:]

    /// What deviates from the standard.
    package private(set) var issues: [RosterIssue] = []

    /// Reads a manifest; what cannot be understood becomes an issue, never an error.
    ///
    /// - Throws: `CSVError` if it is no CSV.
    package init(bytes: [UInt8]) throws {
        var limits = CSVLimits()
        limits.fields = 64
        var scanner = CSVScanner(bytes: bytes, limits: limits)
        var seen: Set<String> = []
        while try scanner.next() {
            let row = scanner.recordNumber
            let name = scanner.field(0).trimmed.string
            let value = scanner.field(1).trimmed.string
            guard name.lowercased() != "propertyname" && !name.isEmpty else { continue }
            guard seen.insert(name.lowercased()).inserted else {
                note(row, .manifestDuplicateProperty, name, "The property is there twice; the first counts.")
                continue
            }
            take(name, value, row: row)
        }
        if !["1.0", "1.1", "1.2"].contains(version) {
            note(nil, .manifestVersion, "oneroster.version", "The manifest names no known version.")
        }
    }

    private mutating func take(_ name: String, _ value: String, row: Int) {
        let folded = name.lowercased()
        if folded == "oneroster.version" {
            version = value.hasPrefix("1.2") ? "1.2" : value.hasPrefix("1.1") ? "1.1" : value
        } else if folded.hasPrefix("file."), let kind = RosterTableKind(fileName: name.dropFirst(5) + ".csv") {
            guard let mode = Mode(rawValue: value.lowercased()) else {
                return note(row, .manifestInvalidMode, name, "The mode is none of absent, bulk and delta.")
            }
            modes[kind] = mode
        }
    }

    private mutating func note(_ row: Int?, _ code: RosterIssueCode, _ field: String, _ message: String) {
        guard issues.count < 100 else { return }
        issues.append(
            RosterIssue(
                file: "manifest.csv", row: row, code: code, severity: .warning, field: String(field.prefix(80)),
                message: message))
    }
}
