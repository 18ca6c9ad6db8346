import Conversion
import OneRoster
import Testing

@Suite(.timeLimit(.minutes(5)))
struct RowIssueTests {
    /// A row appended to a table of the small school, and the issue it must give; row 5 or 6 is the appended one.
    @Test(arguments: [
        ("users.csv", ",,,true,s1,student,x,,X,X,,,,,,,,\n", "6 value.required skipped"),
        ("users.csv", "u5,,,true,s1,student,,,X,X,,,,,,,,\n", "6 login.blank skipped"),
        ("users.csv", "u5,,,true,s1,student,ABE,,X,X,,,,,,,,\n", "6 login.duplicate skipped"),
        ("users.csv", "u5,,,true,s1,student,a b,,X,X,,,,,,,,\n", "6 login.has_space kept"),
        ("users.csv", "u5,,,Y,s1,student,x,,X,X,,,,,,,,\n", "6 value.boolean_form kept"),
        ("users.csv", "u5,,,true,s1,Student,x,,X,X,,,,,,,,\n", "6 value.enum_case kept"),
        ("users.csv", "u5,,,true,s1,wizard,x,,X,X,,,,,,,,\n", "6 value.enum_unknown kept"),
        ("users.csv", "u5,,,true,s1,,x,,X,X,,,,,,,,\n", "6 user.no_role kept"),
        ("users.csv", "u5,active,,true,s1,student,x,,X,X,,,,,,,,\n", "6 row.forbidden_in_bulk kept"),
        ("users.csv", "u5,Active,,true,s1,student,x,,X,X,,,,,,,,\n", "6 value.enum_case kept"),
        ("users.csv", "u1,,,true,s1,student,x,,X,X,,,,,,,,\n", "6 id.duplicate skipped"),
        ("users.csv", "u1,,,true,s1,student,abe,,Abe,\"Lee, Jr\",,,no-mail,,,,,\n", "6 id.duplicate merged"),
        ("users.csv", "U1,,,true,s1,student,x,,X,X,,,,,,,,\n", "6 id.case_variant kept"),
        ("users.csv", "u 5,,,true,s1,student,x,,X,X,,,,,,,,\n", "6 value.guid_form kept"),
        ("users.csv", "u5,,,true,s1,student,x,,X\n", "6 row.width kept"),
        ("users.csv", "u5,,,true,s1,student,x,,X,X,,,,,,,,,extra\n", "6 row.width skipped"),
        ("users.csv", "u5,,,true,s1,student,x,,X\"y,X,,,,,,,,\n", "6 row.stray_quote kept"),
        ("users.csv", "u5,,,true,s1,student,x,,\0,X,,,,,,,,\n", "6 row.nul skipped"),
        ("orgs.csv", "s3,,,East,school,,nowhere\n", "5 org.orphan kept"),
        ("orgs.csv", "s3,,,East,yurt,,d1\n", "5 org.type_unknown kept"),
        ("orgs.csv", "s3,,,East,College,,d1\n", "5 value.enum_unknown kept"),
        ("orgs.csv", "s3,,,East,SCHOOL,,d1\n", "5 value.enum_case kept"),
        ("orgs.csv", "s3,tobedeleted,,East,school,,d1\n", "5 org.delete_kept kept"),
        ("orgs.csv", "a,,,A,school,,b\nb,,,B,school,,a\n", "5 org.cycle kept"),
        ("academicSessions.csv", "a,,,A,term,2026-01-01,2025-01-01,,2026\n", "6 session.end_before_start kept"),
        ("academicSessions.csv", "a,,,A,term,1/2/2026,,,2026\n", "6 value.date_ambiguous kept"),
        ("academicSessions.csv", "a,,,A,term,2026-01-01T00:00:00Z,,,2026\n", "6 value.date_form kept"),
        ("academicSessions.csv", "a,,,A,term,,,,2026\n", "6 session.not_exported skipped"),
        ("academicSessions.csv", "a,,,A,term,,,a,2026\n", "6 session.cycle kept"),
        ("academicSessions.csv", "a,,,A,term,,,zz,2026\n", "6 ref.session_missing kept"),
        ("courses.csv", "z,,,,Zoology,,,,,\n", "3 course.unused skipped"),
        ("classes.csv", "c3,,,X,,none,,scheduled,,s1,t1,,,\n", "4 ref.course_missing kept"),
        ("classes.csv", "c3,,,X,,m,,scheduled,,s9,t1,,,\n", "4 ref.org_missing kept"),
        ("classes.csv", "c3,,,X,,m,,scheduled,,s1,t9,,,\n", "4 ref.session_missing kept"),
        ("classes.csv", "c3,,,X,,m,,scheduled,,s1,,,,\n", "4 class.no_term kept"),
        ("classes.csv", "c3,,,X,,m,,scheduled,,s1,t1,,,\n", "4 class.no_teacher kept"),
        ("classes.csv", "c3,,,X,,m,,scheduled,,s1,t1,,,\n", "4 class.no_student kept"),
        ("classes.csv", "c3,,,X,,m,,scheduled,,s1,\"t1,t2\",,,\n", "4 class.many_terms kept"),
        ("classes.csv", "c3,,,X,,m,,lunch,,s1,t1,,,\n", "4 value.enum_unknown kept"),
    ])
    func `each fault of a record is named`(file: String, rows: String, expected: String) throws {
        let scene = try ConversionScene(School.files(adding: [file: rows]))
        #expect(try scene.issues(file).contains(expected))
        #expect(try scene.gaps() == [])
        #expect(try scene.nameless() == (rows.hasPrefix(",") ? ["users.csv 6 value.required"] : []))
    }

    @Test(arguments: [
        ("e9,,,c9,s1,u1,student,,,\n", "6 ref.class_missing skipped"),
        ("e9,,,c1,s1,u9,student,,,\n", "6 ref.user_missing skipped"),
        ("e9,,,,s1,u1,student,,,\n", "6 value.required skipped"),
        ("e9,,,c2,s1,u1,,,,\n", "6 value.required skipped"),
        ("e9,,,c2,s1,u1,wizard,,,\n", "6 value.enum_unknown skipped"),
        ("e9,,,c2,s1,t1,professor,,,\n", "6 value.enum_unknown kept"),
        ("e9,,,c2,s1,t1,proctor,,,\n", "6 enrollment.role_not_exported skipped"),
        ("e9,,,c2,s1,p1,parent,,,\n", "6 enrollment.role_not_exported skipped"),
        ("e9,,,c1,s1,u1,student,,,\n", "6 enrollment.duplicate merged"),
        ("e9,,,c1,s1,t1,student,,,\n", "6 enrollment.role_conflict skipped"),
        ("e9,,,c2,s1,u1,student,,2026-12-01,\n", "6 enrollment.not_started skipped"),
        ("e9,,,c2,s1,u1,student,,2026-12-01,2026-01-01\n", "6 enrollment.end_before_begin kept"),
        ("e9,,,c2,s1,t1,teacher,maybe,,\n", "6 value.boolean_form kept"),
        ("e9,,,c1,s1,u2,student,,2025-01-01,2025-02-01\n", "6 enrollment.duplicate skipped"),
    ])
    func `each fault of an enrolment is named`(rows: String, expected: String) throws {
        let scene = try ConversionScene(School.files(adding: ["enrollments.csv": rows]))
        #expect(try scene.issues("enrollments.csv").contains(expected))
        #expect(try scene.gaps() == [])
        #expect(try scene.nameless() == [])
    }

    @Test func `an enrolment that is left out when all are read is named by its id`() throws {
        // Long ids and blank lines, so that the rows asked for lie far apart and not where their number says.
        let padding = String(repeating: "x", count: 300)
        let rows = (0..<100).map { "d\($0)\(padding),,,c1,s1,u1,student,,,\n\($0 % 7 == 0 ? "\n" : "")" }.joined()
        let scene = try ConversionScene(School.files(adding: ["enrollments.csv": rows]))
        let merged = try scene.rows("issues.csv").filter { $0["code"] == "enrollment.duplicate" }
        #expect(merged.count == 100)
        for issue in merged {
            let row = try #require(Int(issue["row"] ?? ""))
            #expect(issue["sourced_id"] == String("d\(row - 6)\(padding)".prefix(255)))
        }
    }

    @Test(arguments: [
        (
            "classes.csv", "c3,tobedeleted,,X,,m,,scheduled,,s1,t1,,,\n", "e9,,,c3,s1,u1,student,,,\n",
            "ref.target_deleted"
        ),
        (
            "users.csv", "u7,tobedeleted,,true,s1,student,x,,X,X,,,,,,,,\n", "e9,,,c1,s1,u7,student,,,\n",
            "ref.target_deleted"
        ),
        (
            "users.csv", "u7,,,true,s1,student,,,X,X,,,,,,,,\n", "e9,,,c1,s1,u7,student,,,\n",
            "enrollment.user_not_exported"
        ),
    ])
    func `an enrolment follows its class and user`(file: String, row: String, enrolment: String, code: String) throws {
        let scene = try ConversionScene(School.files(adding: [file: row, "enrollments.csv": enrolment]))
        #expect(try scene.issues("enrollments.csv").contains("6 \(code) skipped"))
        #expect(try scene.gaps() == [])
    }

    @Test func `two primary teachers stay and are told`() throws {
        let user = "t2,,,true,s1,teacher,tom,,Tom,Two,,,,,,,,\n"
        let scene = try ConversionScene(
            School.files(adding: ["users.csv": user, "enrollments.csv": "e9,,,c1,s1,t2,teacher,true,,\n"]))
        #expect(try scene.issues("classes.csv").contains("3 enrollment.several_primary kept"))
        #expect(try scene.column("enrollments.csv", "role").count { $0 == "teacher" } == 2)
    }

    @Test func `what ended is completed, what was dropped is deleted`() throws {
        let rows = "e8,,,c2,s1,t1,teacher,,2026-01-01,2026-06-01\ne9,tobedeleted,,c2,s1,u1,student,,,\n"
        let scene = try ConversionScene(School.files(adding: ["enrollments.csv": rows]))
        let states = try scene.rows("enrollments.csv").filter { $0["section_id"] == "c2" }.map { $0["status"] ?? "" }
        #expect(states == ["completed", "deleted", "active"])
    }

    @Test func `remarks on converted rows are counted in full and listed in part`() throws {
        let rows = (0..<500).map { "x\($0),,,true,s1,STUDENT,x\($0),,X,X,,,,,,,,\n" }.joined()
        let scene = try ConversionScene(School.files(adding: ["users.csv": rows]))
        let count = scene.report.issues.first { $0.file == "users.csv" && $0.code == .valueEnumCase }?.count
        #expect(count == 500)
        #expect(try scene.issues("users.csv").count { $0.contains("value.enum_case") } == 200)
        #expect(try scene.rows("issues.csv").count == scene.report.listedIssues)
    }
}
