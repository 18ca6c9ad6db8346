import Conversion
import Foundation
import OneRoster
import Testing

@Suite(.timeLimit(.minutes(5)))
struct RealSetTests {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/"

    @Test func `School Data Sync 2 has neither sessions nor courses, and converts`() throws {
        let scene = try ConversionScene(from: Self.fixtures + "SchoolDataSync2")
        #expect(scene.snapshot.version == .schoolDataSync)
        #expect(try scene.gaps() == [])
        #expect(try scene.nameless() == [])
        #expect(try scene.rows("courses.csv").count == 4)
        #expect(try scene.column("courses.csv", "term_id").allSatisfy(\.isEmpty))
        #expect(scene.count(.enrollments)?.converted == 28)
        #expect(scene.count(.users)?.converted == 29)
    }

    @Test func `School Data Sync 2-1 has roles apart and words of its own`() throws {
        var rules = ConversionRules()
        rules.observers = true
        let scene = try ConversionScene(from: Self.fixtures + "SchoolDataSync21", rules: rules)
        #expect(try scene.gaps() == [])
        #expect(scene.count(.enrollments)?.converted == 6)
        let types = try scene.rows("users.csv").map { "\($0["user_id"] ?? "") \($0["declared_user_type"] ?? "")" }
        #expect(types.contains("114006 teacher"))
        #expect(types.contains("114002 "))
        #expect(try scene.column("terms.csv", "term_id") == ["FS2021HED", "SY2021K12"])
    }

    @Test func `a delta may refer to what came before`() throws {
        let manifest = "propertyName,value\noneroster.version,1.1\nfile.enrollments,delta\n"
        let rows = """
            sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,\
            endDate
            e1,active,2026-09-01T00:00:00.000Z,c7,s1,u7,student,,,
            e2,tobedeleted,2026-09-01T00:00:00.000Z,c7,s1,u8,student,,,
            e3,,,c6,s1,u7,student,,,

            """
        let scene = try ConversionScene(["manifest.csv": manifest, "enrollments.csv": rows])
        #expect(try scene.column("enrollments.csv", "status") == ["active", "active", "deleted"])
        #expect(try scene.issues("enrollments.csv") == ["4 row.required_in_delta kept"])
        #expect(scene.report.files.map(\.name) == ["enrollments.csv"])
        #expect(try scene.gaps() == [])
    }

    @Test func `in a delta the newest row of an id counts`() throws {
        let manifest = School.manifest.replacingOccurrences(of: "file.users,bulk", with: "file.users,delta")
        let header = School.users.split(separator: "\n")[0] + "\n"
        let users = """
            u1,active,2026-09-02T00:00:00.000Z,true,s1,student,new,,New,Name,,,,,,,,
            u1,active,2026-09-01T00:00:00.000Z,true,s1,student,old,,Old,Name,,,,,,,,
            u2,active,2026-09-01T00:00:00.000Z,true,s1,student,old,,Old,Name,,,,,,,,
            u2,active,2026-09-03T00:00:00.000Z,true,s1,student,newer,,Newer,Name,,,,,,,,

            """
        let scene = try ConversionScene(School.files(["manifest.csv": manifest, "users.csv": header + users]))
        #expect(try scene.column("users.csv", "login_id") == ["new", "newer"])
        #expect(try scene.gaps().filter { $0.contains("users") } == [])
    }

    @Test func `roles of version 1-2 decide the declared type`() throws {
        let header = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId\n"
        let roles = """
            r1,,,u1,secondary,teacher,,,s1
            r2,,,u1,primary,student,,,s1
            r3,,,zz,primary,student,,,s1
            r4,,,u2,primary,elf,,,s1

            """
        let files = School.files(["roles.csv": header + roles])
        let scene = try ConversionScene(files)
        #expect(try scene.issues("roles.csv").contains("4 ref.user_missing skipped"))
        #expect(try scene.issues("roles.csv").contains("5 value.enum_unknown skipped"))
        #expect(try scene.rows("users.csv").first { $0["user_id"] == "u1" }?["declared_user_type"] == "student")
        #expect(try scene.gaps() == [])
    }
}
