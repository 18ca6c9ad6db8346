import Archives
import OneRoster
import Testing

@Suite(.timeLimit(.minutes(5)))
struct RosterWordsTests {
    @Test(arguments: [
        (
            ["users.csv": "sourcedId,username\n", "orgs.csv": ""],
            "The roster has no rows: orgs.csv, users.csv are empty. Check the export;"
        ),
        (["people.csv": "name\nAna\n"], "The package holds no roster: only people.csv. Send a package with users.csv"),
        ([:], "The package holds no roster: it is empty. Send"),
        (
            ["users.csv": "name\nAna\n"],
            "users.csv (row 1) lacks a column without which it means nothing: sourcedId is not there. Export"
        ), (["users.csv": "sourcedId\nu1\n\"u2\n"], "users.csv (row 3) is not well-formed CSV: "),
    ])
    func `an error is a sentence with the remedy behind it`(files: [String: String], text: String) throws {
        let folder = try RosterFolder(files)
        #expect {
            try RosterExtractor.extract(source: .folder(folder.input), into: folder.output)
        } throws: { error in
            "\(error)".hasPrefix(text)
        }
    }

    @Test(arguments: RosterError.Code.allCases)
    func `no code is spelled out, with or without a file`(code: RosterError.Code) {
        for file in [nil, "users.csv"] {
            let text = "\(RosterError(code, file: file, row: 4, detail: "what was found", remedy: "Do this."))"
            #expect(text.hasSuffix(": what was found. Do this."))
            #expect(file == nil || text.contains("users.csv"))
            #expect(code.rawValue == "archive" || !text.contains(code.rawValue))
        }
    }

    @Test func `a zip's error tells what is wrong and where`() {
        let error = RosterError(ArchiveError(.encrypted, entry: "users.csv", detail: "it is encrypted"))
        #expect(error.code == .archive)
        #expect("\(error)" == "The zip cannot be read (users.csv): it is encrypted. Export the zip without a password.")
    }
}
