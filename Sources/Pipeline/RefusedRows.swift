/// Which rows of which files Canvas's list of errors names: pure, so that every line of such a list can be tried.
///
/// What it holds is one number for each row, whatever the list says of it.
package struct RefusedRows: Sendable, Equatable {
    /// Record numbers by the file's name in the archive; the header is record 1, so none is below 2.
    package private(set) var rows: [String: Set<Int>] = [:]
    /// Lines of the list.
    package private(set) var lines = 0
    /// Lines that name no row of a file of the archive: complaints about a whole file, or about none.
    package private(set) var unplaced = 0
    private let files: Set<String>

    /// - Parameter files: names of the files in the archive that the list is about.
    package init(files: Set<String>) {
        self.files = files
    }

    /// Takes a line. Several of one row are that row, once.
    ///
    /// - Parameter row: as Canvas writes it; it may be empty.
    package mutating func take(file: String, row: String) {
        lines += 1
        guard files.contains(file), let number = Int(row), number >= 2 else {
            unplaced += 1
            return
        }
        rows[file, default: []].insert(number)
    }

    /// Whether there is nothing that could be sent again.
    package var isEmpty: Bool { rows.isEmpty }

    /// How many rows there are in all files.
    package var count: Int { rows.values.reduce(0) { $0 + $1.count } }
}
