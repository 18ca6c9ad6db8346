import Archives
import Foundation
import OneRoster
import Testing

@Suite(.timeLimit(.minutes(5)))
struct UnknownFileTests {
    private func issues(_ snapshot: RosterSnapshot, of file: String) -> [RosterIssue] {
        snapshot.issues.filter { $0.file == file }
    }

    @Test(arguments: [false, true])
    func `a file with the columns of a missing table is taken for it`(isZipped: Bool) throws {
        let folder = try RosterFolder(["Export 2026.csv": SmallRoster.users, "notes.txt": "hello"])
        var source = RosterSource.folder(folder.input)
        if isZipped {
            let zip = folder.path + "/roster.zip"
            var writer = try ZipWriter(path: zip)
            try writer.add(bytes: Array("hello".utf8), as: "notes.txt")
            try writer.add(bytes: Array(SmallRoster.users.utf8), as: "Export 2026.csv")
            try writer.finish()
            source = .zip(zip)
        }
        let snapshot = try RosterExtractor.extract(source: source, into: folder.output)
        #expect(snapshot.tables.map(\.kind) == [.users])
        #expect(snapshot.table(.users)?.rows == 2)
        #expect(snapshot.table(.users)?.sourceName == "Export 2026.csv")
        let taken = issues(snapshot, of: "Export 2026.csv")
        #expect(taken.map(\.code) == [.packageFileName])
        #expect(taken.map(\.severity) == [.warning])
        #expect(issues(snapshot, of: "notes.txt").map(\.code) == [.packageUnknownFile])
        let copy = try Data(contentsOf: URL(fileURLWithPath: folder.output + "/users.csv"))
        #expect(copy == Data(SmallRoster.users.utf8))
    }

    @Test(arguments: [
        (["users.csv": SmallRoster.users, "more.csv": SmallRoster.users], ["more.csv"]),
        (["orgs.csv": SmallRoster.orgs, "a.csv": SmallRoster.users, "b.csv": SmallRoster.users], ["a.csv", "b.csv"]),
        (["users.csv": SmallRoster.users, "x.csv": "sourcedId,name\n1,2\n"], ["x.csv"]),
        (["users.csv": SmallRoster.users, "x.csv": "\"never closed"], ["x.csv"]),
        (["users.csv": SmallRoster.users, "x.csv": ""], ["x.csv"]),
        (["users.csv": SmallRoster.users, "orgs.txt": SmallRoster.orgs], ["orgs.txt"]),
    ])
    func `a file that could be any is not read, and named`(files: [String: String], unknown: [String]) throws {
        let folder = try RosterFolder(files)
        let snapshot = try RosterExtractor.extract(source: .folder(folder.input), into: folder.output)
        #expect(snapshot.tables.count == 1)
        let named = snapshot.issues.filter { $0.code == .packageUnknownFile }
        #expect(named.map(\.file).sorted() == unknown)
        #expect(named.allSatisfy { $0.severity == .notice && $0.message.hasSuffix("it is not read.") })
    }

    @Test func `a table of its own keeps its place before one that looks alike`() throws {
        let folder = try RosterFolder([
            "users.csv": SmallRoster.users, "backup.csv": SmallRoster.users + "u3,,,,,,,,,\n",
        ])
        let snapshot = try RosterExtractor.extract(source: .folder(folder.input), into: folder.output)
        #expect(snapshot.table(.users)?.sourceName == "users.csv")
        #expect(snapshot.table(.users)?.rows == 2)
        #expect(issues(snapshot, of: "backup.csv").first?.message.contains("columns are those of users.csv") == true)
    }
}
