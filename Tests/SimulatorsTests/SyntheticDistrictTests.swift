import Archives
import Simulators
import Testing

@Suite(.timeLimit(.minutes(5)))
struct SyntheticDistrictTests {
    @Test func `the same seed gives the same bytes`() throws {
        let first = try TestFolder()
        let second = try TestFolder()
        try SyntheticDistrict(people: 900, enrolments: 4_000, seed: 7).write(toFolder: first.path)
        try SyntheticDistrict(people: 900, enrolments: 4_000, seed: 7).write(toFolder: second.path)
        for name in TestDistrict.files {
            let bytes = try first.bytes(name)
            #expect(try bytes == second.bytes(name), "\(name)")
        }
    }

    @Test func `another seed gives other names`() throws {
        let first = try TestFolder()
        let second = try TestFolder()
        try SyntheticDistrict(people: 900, enrolments: 4_000, seed: 7).write(toFolder: first.path)
        try SyntheticDistrict(people: 900, enrolments: 4_000, seed: 8).write(toFolder: second.path)
        #expect(try first.lines("users.csv") != second.lines("users.csv"))
    }

    @Test(arguments: [(10, 0), (10, 40), (801, 5_000), (5_000, 30_000), (1_000, 40_001)])
    func `the counts are exact`(people: Int, enrolments: Int) throws {
        let folder = try TestFolder()
        let counts = try SyntheticDistrict(people: people, enrolments: enrolments).write(toFolder: folder.path)
        #expect(counts.users == people)
        #expect(counts.enrollments == enrolments)
        #expect(try folder.table("users.csv").count == people + 1)
        #expect(try folder.table("enrollments.csv").count == enrolments + 1)
        #expect(try folder.table("classes.csv").count == counts.classes + 1)
    }

    @Test func `nobody sits in a class twice, and every reference resolves`() throws {
        let folder = try TestFolder()
        try SyntheticDistrict(people: 2_000, enrolments: 14_000, parents: true).write(toFolder: folder.path)
        let enrolments = try folder.table("enrollments.csv").dropFirst()
        #expect(Set(enrolments.map { "\($0[3]) \($0[5])" }).count == 14_000)
        #expect(Set(enrolments.map { $0[0] }).count == 14_000)
        let users = try folder.table("users.csv").dropFirst()
        let ids = Set(users.map { $0[0] })
        #expect(ids.count == users.count)
        #expect(Set(users.map { $0[6] }).count == users.count)
        #expect(enrolments.allSatisfy { ids.contains($0[5]) })
        #expect(users.allSatisfy { $0[15].isEmpty || ids.contains($0[15]) })
        let classes = Set(try folder.table("classes.csv").dropFirst().map { $0[0] })
        #expect(enrolments.allSatisfy { classes.contains($0[3]) })
        let courses = Set(try folder.table("courses.csv").dropFirst().map { $0[0] })
        #expect(try folder.table("classes.csv").dropFirst().allSatisfy { courses.contains($0[5]) })
    }

    @Test(arguments: SyntheticDistrict.Release.allCases)
    func `every row has as many fields as its header`(release: SyntheticDistrict.Release) throws {
        let folder = try TestFolder()
        try SyntheticDistrict(people: 900, enrolments: 3_000, release: release, parents: true)
            .write(toFolder: folder.path)
        let names = release == .release12 ? TestDistrict.files + ["roles.csv"] : TestDistrict.files
        for name in names {
            let table = try folder.table(name)
            #expect(table.allSatisfy { $0.count == table[0].count }, "\(name)")
        }
    }

    @Test func `names carry accents, quotes, commas and other scripts`() throws {
        let folder = try TestFolder()
        try SyntheticDistrict(people: 3_000, enrolments: 0).write(toFolder: folder.path)
        let names = try folder.table("users.csv").dropFirst().map { "\($0[8]) \($0[9])" }.joined(separator: "|")
        for piece in ["José", "\"Nina\"", "Smith, Jr.", "O'Brien", "李", "محمد", "Иванова"] {
            #expect(names.contains(piece), "\(piece)")
        }
    }

    @Test func `a later night changes a small share and keeps the numbers`() throws {
        let district = try SyntheticDistrict(people: 10_000, enrolments: 10_000, seed: 3)
        let first = try TestFolder()
        let second = try TestFolder()
        try district.write(toFolder: first.path)
        let counts = try district.mutated(night: 1).write(toFolder: second.path)
        #expect(counts.users == 10_000)
        #expect(counts.enrollments == 10_000)
        let before = Set(try first.lines("users.csv"))
        let after = Set(try second.lines("users.csv"))
        let changed = after.subtracting(before).count
        #expect((10...80).contains(changed), "\(changed) people changed")
        #expect(try first.bytes("classes.csv") == second.bytes("classes.csv"))
    }

    @Test(arguments: [(5, 10, 0), (100, 100_000, 0), (100, -1, 0), (100, 100, 401)])
    func `what cannot be is refused`(people: Int, enrolments: Int, night: Int) {
        let error = #expect(throws: SimulatorError.self) {
            try SyntheticDistrict(people: people, enrolments: enrolments, night: night)
        }
        #expect(error?.code == .impossibleDistrict)
    }

    @Test func `a folder that cannot be made is named`() throws {
        let error = #expect(throws: SimulatorError.self) {
            try SyntheticDistrict(people: 10, enrolments: 10).write(toFolder: "/dev/null/district")
        }
        #expect(error?.code == .fileSystem)
        #expect(error?.description.contains("/dev/null") == true)
    }

    @Test func `a zip holds the files at its root`() throws {
        let folder = try TestFolder()
        try SyntheticDistrict(people: 200, enrolments: 600).write(toZip: "\(folder.path)/district.zip")
        let names = try ZipReader.entries(of: "\(folder.path)/district.zip").map(\.path)
        #expect(names.sorted() == (TestDistrict.files + ["manifest.csv"]).sorted())
    }
}

enum TestDistrict {
    static let files = [
        "academicSessions.csv", "classes.csv", "courses.csv", "enrollments.csv", "orgs.csv", "users.csv",
    ]
}
