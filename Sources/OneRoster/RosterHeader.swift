/// Which column of a file holds what: found by name, never by position.
package struct RosterHeader: Sendable {
    /// The table.
    package let kind: RosterTableKind

    /// How many columns the header has.
    package let width: Int

    /// What deviates from the standard.
    package let issues: [RosterIssue]

    private let positions: [RosterColumn: Int]

    /// Maps a header.
    ///
    /// Names are trimmed of blanks and invisible characters first; a column that is found by no other way is looked for
    /// by letter case, then by alias.
    /// - Throws: `RosterError` with `.missingColumn` if the table means nothing without it.
    package init(kind: RosterTableKind, names rawNames: [String], file: String) throws {
        guard let shape = RosterTableShape.of(kind) else {
            throw RosterError(
                .missingColumn, file: file, row: 1, detail: "tables of this kind are not read",
                remedy: "Leave the file out.")
        }
        let names = rawNames.map(Self.cleaned)
        var reading = Reading(kind: kind, shape: shape, file: file)
        reading.mapExact(names)
        reading.mapOthers(names)
        reading.checkOrder(names)
        try reading.checkMissing()
        self.kind = kind
        width = names.count
        issues = reading.issues
        positions = reading.positions
    }

    /// Where a column stands, or -1.
    package func position(of column: RosterColumn) -> Int { positions[column] ?? -1 }

    /// Whether the file has the column.
    package func has(_ column: RosterColumn) -> Bool { positions[column] != nil }

    /// Columns that a row must not lack.
    package var essentialPositions: [Int] {
        (RosterTableShape.of(kind)?.essential ?? []).compactMap { positions[$0] }
    }

    /// The tables whose columns are all there, those that the standard requires and the conversion could do without
    /// among them.
    static func kinds(ofColumns names: [String]) -> [RosterTableKind] {
        guard names.count <= issueLimit else { return [] }
        return RosterTableKind.allCases.filter { kind in
            guard kind.isConverted, let header = try? RosterHeader(kind: kind, names: names, file: kind.fileName) else {
                return false
            }
            return !header.issues.contains { $0.code == .headerMissing }
        }
    }

    private static func cleaned(_ name: String) -> String {
        let invisible: Set<Unicode.Scalar> = ["\u{FEFF}", "\u{200B}", "\u{00A0}", "\u{00AD}", "\u{2060}", "\0"]
        let kept = name.unicodeScalars.filter { !invisible.contains($0) }
        let text = String(String.UnicodeScalarView(kept))
        let body = text.drop { $0.isWhitespace }
        return String(body.reversed().drop { $0.isWhitespace }.reversed())
    }
}

extension RosterHeader {
    /// The work of mapping one header.
    private struct Reading {
        let kind: RosterTableKind
        let shape: RosterTableShape
        let file: String
        var positions: [RosterColumn: Int] = [:]
        var issues: [RosterIssue] = []
        private var taken: Set<Int> = []

        init(kind: RosterTableKind, shape: RosterTableShape, file: String) {
            self.kind = kind
            self.shape = shape
            self.file = file
        }

        private func column(named name: String) -> RosterColumn? {
            guard shape.order.contains(name) else { return nil }
            return RosterColumn(rawValue: name)
        }

        mutating func mapExact(_ names: [String]) {
            for (index, name) in names.enumerated() where shape.order.contains(name) {
                taken.insert(index)
                guard names.firstIndex(of: name) == index else {
                    note(.headerDuplicate, .warning, name, "The column is there twice; the first is read.")
                    continue
                }
                if let column = column(named: name) { positions[column] = index }
            }
        }

        mutating func mapOthers(_ names: [String]) {
            for (index, name) in names.enumerated() where !taken.contains(index) {
                if name.isEmpty {
                    note(.headerBlank, .warning, "", "Column \(index + 1) has no name and is not read.")
                } else if let standard = shape.order.first(where: { $0.lowercased() == name.lowercased() }) {
                    note(.headerCase, .warning, name, "Read as \(standard).")
                    claim(RosterColumn(rawValue: standard), at: index, name)
                } else if let column = shape.aliases[name.lowercased()] {
                    note(.headerAlias, .warning, name, "Read as \(column.rawValue).")
                    claim(column, at: index, name)
                } else if !name.hasPrefix("metadata.") {
                    note(
                        .headerUnknown, .warning, String(name.prefix(80)),
                        "The column is not of the standard; not read.")
                }
            }
        }

        private mutating func claim(_ column: RosterColumn?, at index: Int, _ name: String) {
            guard let column else { return }
            guard positions[column] == nil else {
                note(.headerDuplicate, .warning, name, "Another column is already read as \(column.rawValue).")
                return
            }
            positions[column] = index
        }

        mutating func checkOrder(_ names: [String]) {
            let places = names.compactMap { shape.order.firstIndex(of: $0) }
            if zip(places, places.dropFirst()).contains(where: { $0 > $1 }) {
                note(.headerOrder, .warning, "", "The columns are not in the standard's order; they are read by name.")
            }
        }

        mutating func checkMissing() throws {
            for column in shape.essential where positions[column] == nil {
                throw RosterError(
                    .missingColumn, file: file, row: 1, detail: "\(column.rawValue) is not there",
                    remedy: "Export the table with this column, or name it as the standard does.")
            }
            for column in shape.expected where positions[column] == nil {
                note(.headerMissing, .warning, column.rawValue, "The standard requires this column.")
            }
        }

        private mutating func note(
            _ code: RosterIssueCode, _ severity: RosterIssue.Severity, _ field: String, _ message: String
        ) {
            guard issues.count < RosterHeader.issueLimit else { return }
            issues.append(
                RosterIssue(file: file, row: 1, code: code, severity: severity, field: field, message: message))
        }
    }

    /// Issues noted for one header at most; a header of thousands of odd names says nothing more with each.
    private static var issueLimit: Int { 200 }
}
