import Archives
import Foundation
import OneRoster
import Testing

@Suite(.timeLimit(.minutes(5)))
struct RosterExtractorTests {
    private func extract(_ folder: RosterFolder) throws -> RosterSnapshot {
        try RosterExtractor.extract(source: .folder(folder.input), into: folder.output)
    }

    private func failure(_ folder: RosterFolder) -> RosterError? {
        do {
            _ = try extract(folder)
            return nil
        } catch {
            return error as? RosterError
        }
    }

    private func codes(_ snapshot: RosterSnapshot) -> Set<RosterIssueCode> { Set(snapshot.issues.map(\.code)) }

    @Test func `tables are copied as they are, counted, and found again`() throws {
        let folder = try RosterFolder(SmallRoster.files)
        let snapshot = try extract(folder)
        #expect(snapshot.version == .oneRoster11)
        #expect(snapshot.tables.map(\.kind) == [.orgs, .users])
        #expect(snapshot.tables.map(\.rows) == [2, 2])
        #expect(snapshot.missing == [.academicSessions, .courses, .classes, .enrollments])
        let copy = try Data(contentsOf: URL(fileURLWithPath: folder.output + "/users.csv"))
        #expect(copy == Data(SmallRoster.users.utf8))
        #expect(try RosterSnapshot.open(folder: folder.output) == snapshot)
    }

    @Test func `a zip gives what its folder gives`() throws {
        let folder = try RosterFolder(SmallRoster.files)
        let zip = folder.path + "/roster.zip"
        var writer = try ZipWriter(path: zip)
        for (name, text) in SmallRoster.files.sorted(by: { $0.key < $1.key }) {
            try writer.add(bytes: Array(text.utf8), as: name)
        }
        try writer.add(bytes: [1], as: "__MACOSX/._users.csv")
        try writer.finish()
        let packed = try RosterExtractor.extract(source: RosterSource(path: zip), into: folder.output)
        #expect(packed.tables == (try extract(folder)).tables)
        #expect(!codes(packed).contains(.packageUnknownFile))
    }

    @Test func `odd packages are read, and what is odd is told`() throws {
        let folder = try RosterFolder([
            "export/ORGS.csv": "\u{FEFF}sourcedId,name,type\r\ns1,North,school\r\n",
            "export/Users.csv":
                "username,SOURCEDID,userIds,givenName,familyName,role,shoeSize,\nana,u1,,Ana,Lee,student,9,\n",
            "export/notes.txt": "hello", "export/demographics.csv": "sourcedId\nu1\n",
        ])
        let snapshot = try extract(folder)
        let expected: Set<RosterIssueCode> = [
            .packageNested, .packageFileName, .packageUnknownFile, .packageUnusedTable, .manifestMissing, .headerCase,
            .headerUnknown, .headerBlank, .headerMissing,
        ]
        #expect(codes(snapshot).isSuperset(of: expected))
        #expect(snapshot.tables.map(\.rows) == [1, 1])
        #expect(!FileManager.default.fileExists(atPath: folder.output + "/demographics.csv"))
    }

    @Test(arguments: [
        ("users.csv", "name\nAna\n", RosterError.Code.missingColumn),
        ("users.csv", "sourcedId\nu1\n\"u2\n", .malformedCSV),
        ("users.csv", "sourcedId,username\n\"u\"2,x\n", .malformedCSV), ("people.csv", "sourcedId\nu1\n", .noTables),
        ("users.csv", "sourcedId,username\n", .noRows), ("users.csv", "", .noRows),
    ])
    func `what cannot be read ends in an error with a remedy`(name: String, text: String, code: RosterError.Code) throws
    {
        let error = failure(try RosterFolder([name: text]))
        #expect(error?.code == code)
        #expect(error?.remedy.isEmpty == false)
    }

    @Test func `a header of a million columns is refused`() throws {
        let error = failure(try RosterFolder(["users.csv": String(repeating: "a,", count: 1_000_000)]))
        #expect(error?.code == .overLimit)
        #expect(error?.row == 1)
    }

    @Test func `bad UTF-8 is an error with its row`() throws {
        let folder = try RosterFolder()
        try folder.write(Data("sourcedId,username\nu1,ana\nu2,".utf8) + Data([0xE9]) + Data("ve\n".utf8), "users.csv")
        let error = failure(folder)
        #expect(error?.code == .notUTF8)
        #expect(error?.file == "users.csv")
    }

    @Test func `a missing path and a broken zip are errors`() throws {
        let folder = try RosterFolder()
        for source in [RosterSource.folder("/does/not/exist"), .zip("/does/not/exist.zip")] {
            #expect(throws: RosterError.self) { _ = try RosterExtractor.extract(source: source, into: folder.output) }
        }
        try folder.write(Data("PK\u{3}\u{4}rubbish".utf8), "bad.zip")
        #expect(throws: RosterError.self) {
            _ = try RosterExtractor.extract(source: .zip(folder.input + "/bad.zip"), into: folder.output)
        }
    }

    @Test func `a manifest alone says that nothing changed`() throws {
        let folder = try RosterFolder(["manifest.csv": "propertyName,value\noneroster.version,1.2\nfile.users,absent\n"]
        )
        let snapshot = try extract(folder)
        #expect(snapshot.tables.isEmpty)
        #expect(snapshot.version == .oneRoster12)
    }

    @Test func `a manifest's faults are told`() throws {
        var files = SmallRoster.files
        files["manifest.csv"] =
            "propertyName,value\noneroster.version,9\nfile.users,delta\nfile.users,bulk\nfile.orgs,maybe\n"
        let snapshot = try extract(try RosterFolder(files))
        let expected: Set<RosterIssueCode> = [
            .manifestVersion, .manifestDuplicateProperty, .manifestInvalidMode, .manifestFileUnexpected,
        ]
        #expect(codes(snapshot).isSuperset(of: expected))
        #expect(snapshot.table(.users)?.mode == .delta)
    }

    @Test func `a snapshot of another format is refused`() throws {
        let folder = try RosterFolder()
        try Data("{\"format\":99}".utf8).write(to: URL(fileURLWithPath: folder.output + "/snapshot.json"))
        #expect(throws: RosterError.self) { _ = try RosterSnapshot.open(folder: folder.output) }
    }

    @Test func `what progress throws ends the extract`() throws {
        struct Stop: Error {}
        let folder = try RosterFolder(SmallRoster.files)
        #expect(throws: Stop.self) {
            _ = try RosterExtractor.extract(source: .folder(folder.input), into: folder.output) { _ in throw Stop() }
        }
    }
}
