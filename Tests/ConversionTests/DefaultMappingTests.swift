import Conversion
import OneRoster
import Testing

@Suite(.timeLimit(.minutes(5)))
struct DefaultMappingTests {
    @Test func `a right set becomes Canvas's files`() throws {
        let scene = try ConversionScene(School.files())
        func text(_ name: String) throws -> String { String(decoding: try scene.bytes(name), as: UTF8.self) }
        #expect(
            try text("accounts.csv") == "account_id,parent_account_id,name,status\ns1,,North,active\ns2,,South,active\n"
        )
        #expect(
            try text("terms.csv") == """
                term_id,name,status,start_date,end_date
                t1,Fall,active,2026-08-01T00:00:00Z,2026-12-31T23:59:59Z
                y,Year,active,2026-08-01T00:00:00Z,2027-06-30T23:59:59Z

                """)
        #expect(
            try text("courses.csv") == """
                course_id,short_name,long_name,account_id,term_id,status,start_date,end_date
                c1,MAT-A,Maths A,s1,y,active,2026-08-01T00:00:00Z,2027-06-30T23:59:59Z
                c2,MAT,Maths B,s2,t1,active,,

                """)
        #expect(
            try text("sections.csv") == "section_id,course_id,name,status\nc1,c1,Maths A,active\nc2,c2,Maths B,active\n"
        )
        #expect(
            try text("users.csv") == """
                user_id,login_id,first_name,last_name,short_name,sortable_name,email,declared_user_type,status
                t1,Tim,Tim,Tan,,"Tan, Tim",,teacher,active
                u1,abe,Abe,"Lee, Jr",,"Lee, Jr, Abe",,student,active
                u2,bea,Bea,Ö'Neil,,"Ö'Neil, Bea",bea@x.org,student,active

                """)
        #expect(
            try text("enrollments.csv") == """
                course_id,section_id,user_id,role,status,start_date,end_date
                c1,c1,t1,teacher,active,,
                c1,c1,u1,student,active,,
                c1,c1,u2,student,active,2026-09-01T00:00:00Z,2027-05-31T23:59:59Z
                c2,c2,u2,student,active,,

                """)
        #expect(try scene.gaps() == [])
        #expect(scene.report.files.map(\.name).last == "enrollments.csv")
        let users = scene.count(.users)
        #expect([users?.extracted, users?.converted, users?.skipped, users?.merged] == [4, 3, 1, 0])
    }

    @Test func `no password is written`() throws {
        let scene = try ConversionScene(School.files())
        for file in scene.report.files {
            #expect(!String(decoding: try scene.bytes(file.name), as: UTF8.self).contains("secret"))
        }
    }

    @Test func `equal input in another order gives equal bytes`() throws {
        let first = try ConversionScene(School.files())
        func reversed(_ text: String) -> String {
            let lines = text.split(separator: "\n")
            return ([lines[0]] + lines.dropFirst().reversed()).joined(separator: "\r\n")
        }
        let changed = [
            "orgs.csv", "academicSessions.csv", "courses.csv", "classes.csv", "users.csv", "enrollments.csv",
        ]
        let files = School.files()
        let second = try ConversionScene(
            School.files(Dictionary(uniqueKeysWithValues: changed.map { ($0, reversed(files[$0] ?? "")) })))
        for file in first.report.files { #expect(try first.bytes(file.name) == second.bytes(file.name)) }
    }

    @Test func `days become instants of the source's zone`() throws {
        var rules = ConversionRules()
        rules.timeZone = "America/New_York"
        rules.endMode = .inclusive
        let scene = try ConversionScene(School.files(), rules: rules)
        #expect(try scene.column("terms.csv", "start_date").first == "2026-08-01T04:00:00Z")
        #expect(try scene.column("terms.csv", "end_date").first == "2027-01-02T04:59:59Z")
    }

    @Test func `an unknown time zone is an error with a remedy`() {
        var rules = ConversionRules()
        rules.timeZone = "Mars/Olympus"
        #expect(throws: RosterError.self) { _ = try ConversionScene(School.files(), rules: rules) }
        #expect(throws: RosterError.self) { _ = try ConversionScene(School.files(), rules: rules, today: nil) }
    }

    @Test func `rules are stored with defaults for what is left out`() throws {
        var rules = ConversionRules()
        rules.observers = true
        rules.userIDPrefix = "x-"
        let scene = try ConversionScene(School.files(), rules: rules)
        #expect(
            try scene.rows("user_observers.csv") == [["observer_id": "x-p1", "student_id": "x-u2", "status": "active"]])
        #expect(try scene.column("users.csv", "user_id") == ["x-p1", "x-t1", "x-u1", "x-u2"])
        #expect(try scene.column("enrollments.csv", "user_id") == ["x-t1", "x-u1", "x-u2", "x-u2"])
        #expect(try scene.gaps() == [])
    }

    @Test(arguments: [ConversionRules.UsersChoice.all, .enrolled])
    func `users are chosen by rule and the others are named`(choice: ConversionRules.UsersChoice) throws {
        var rules = ConversionRules()
        rules.usersChoice = choice
        let row = "u9,,,true,s1,student,zoe,,Zoe,Zed,,,,,,,,\n"
        let scene = try ConversionScene(School.files(adding: ["users.csv": row]), rules: rules)
        #expect(try scene.column("users.csv", "user_id").contains("u9") == (choice == .all))
        #expect(try scene.issues("users.csv").contains("6 user.not_enrolled skipped") == (choice == .enrolled))
        #expect(try scene.gaps() == [])
    }

    @Test func `what progress throws ends the conversion`() throws {
        struct Stop: Error {}
        let scene = try ConversionScene(School.files())
        #expect(throws: Stop.self) {
            let rules = ConversionRules()
            _ = try RosterConversion.run(snapshot: scene.snapshot, rules: rules, into: scene.output) { _ in throw Stop()
            }
        }
    }
}
