import FoundationEssentials
import Testing

@testable import Simulators

/// What rows do to the roster, without HTTP and without a clock.
@Suite(.timeLimit(.minutes(5)))
struct CanvasRowTests {
    private let folder: TestFolder

    init() throws {
        folder = try TestFolder()
    }

    /// Runs one import over a roster.
    private func run(
        _ files: KeyValuePairs<String, String>, options: CanvasImportOptions = .init(), on roster: inout CanvasRoster
    ) throws -> (plan: CanvasImportPlan, result: CanvasImportResult) {
        let path = try folder.zip("import.zip", files)
        return try run(path, name: "import.zip", options: options, on: &roster)
    }

    private func run(
        _ path: String, name: String, options: CanvasImportOptions = .init(), on roster: inout CanvasRoster
    ) throws -> (plan: CanvasImportPlan, result: CanvasImportResult) {
        let upload = CanvasImport.Upload(
            path: path, fileName: name, fileExtension: String(name.split(separator: ".").last ?? ""), bytes: 0,
            sha256: "")
        let record = CanvasImport(
            id: 1, createdAt: .distantPast, updatedAt: .distantPast, state: .importing, options: options)
        var work = try CanvasImportWork(record, upload: upload, folder: "\(folder.path)/work")
        defer { work.close() }
        for chunk in work.plan.chunkRows.indices { try work.apply(chunk: chunk, to: &roster) }
        return (work.plan, work.result)
    }

    private static let small: KeyValuePairs = [
        "enrollments.csv": "section_id,user_id,role,status\ns1,u1,student,active\ns1,u2,teacher,active\n",
        "users.csv": "user_id,login_id,full_name,status\nu1,one,One,active\nu2,two,Two,active\n",
        "sections.csv": "section_id,course_id,name,status\ns1,c1,S,active\n",
        "courses.csv": "course_id,short_name,long_name,account_id,term_id,status\nc1,C,Course,a1,t1,active\n",
        "terms.csv": "term_id,name,status\nt1,Term,active\n",
        "accounts.csv": "account_id,parent_account_id,name,status\na1,,North,active\n",
    ]

    @Test func `types are processed in Canvas's order, whatever the order of the files`() throws {
        var roster = CanvasRoster()
        let (plan, result) = try run(Self.small, on: &roster)
        #expect(plan.suppliedBatches == ["account", "term", "course", "section", "user", "enrollment"])
        #expect(result.messages.isEmpty)
        #expect(
            result.counts == ["accounts": 1, "terms": 1, "courses": 1, "sections": 1, "users": 2, "enrollments": 2])
        #expect(result.statistics.count(.enrollment, .created) == 2)
        #expect(result.statistics.totalStateChanges == 8)
    }

    @Test func `the same import again counts its rows but no change of state`() throws {
        var roster = CanvasRoster()
        _ = try run(Self.small, on: &roster)
        let (_, result) = try run(Self.small, on: &roster)
        #expect(result.counts["enrollments"] == 2)
        #expect(result.statistics.totalStateChanges == 0)
    }

    @Test func `an active course is unpublished, a completed one becomes available again`() throws {
        #expect(CanvasRowImporter.courseState("active", from: nil) == .claimed)
        #expect(CanvasRowImporter.courseState("published", from: nil) == .available)
        #expect(CanvasRowImporter.courseState("active", from: .completed) == .available)
        #expect(CanvasRowImporter.courseState("active", from: .deleted) == .claimed)
        #expect(CanvasRowImporter.courseState("published", from: .deleted) == .available)
        #expect(CanvasRowImporter.courseState("active", from: .available) == .available)
        #expect(CanvasRowImporter.courseState("unpublished", from: .claimed) == .claimed)
    }

    @Test func `deleting a user deletes the enrolments, activating again does not bring them back`() throws {
        var roster = CanvasRoster()
        _ = try run(Self.small, on: &roster)
        let header = "user_id,login_id,full_name,status\n"
        let gone = try run(["users.csv": "\(header)u1,one,One,deleted\n"], on: &roster).result
        #expect(gone.statistics.count(.enrollment, .deleted) == 1)
        #expect(gone.statistics.count(.login, .deleted) == 1)
        let back = try run(["users.csv": "\(header)u1,one,One,active\n"], on: &roster).result
        #expect(back.statistics.count(.login, .restored) == 1)
        #expect(back.statistics.count(.enrollment, .restored) == 0)
    }

    @Test func `an enrolment that never was is created in deleted state`() throws {
        var roster = CanvasRoster()
        _ = try run(Self.small, on: &roster)
        let result = try run(
            ["e.csv": "section_id,user_id,role,status\ns1,u1,ta,deleted\n"], on: &roster
        ).result
        #expect(result.counts["enrollments"] == 1)
        #expect(result.statistics.count(.enrollment, .deleted) == 1)
    }

    @Test func `skip_deletes ignores deletions`() throws {
        var roster = CanvasRoster()
        _ = try run(Self.small, on: &roster)
        var options = CanvasImportOptions()
        options.skipDeletes = true
        let result = try run(
            ["u.csv": "user_id,login_id,status\nu1,one,deleted\n"], options: options, on: &roster
        ).result
        #expect(result.statistics.totalStateChanges == 0)
    }

    @Test func `enrolments without a section go to the course's default section`() throws {
        var roster = CanvasRoster()
        _ = try run(Self.small, on: &roster)
        let text = "course_id,user_id,role,status\nc1,u1,student,active\nc1,u2,student,active\n"
        let result = try run(["e.csv": text], on: &roster).result
        #expect(result.statistics.count(.section, .created) == 1)
        #expect(result.statistics.count(.enrollment, .created) == 2)
    }

    /// A file, and how many of its rows are rejected.
    @Test(arguments: [
        (
            "account_id,parent_account_id,name,status\n,,X,active\nb,zz,X,active\nc,,,active\nd,,X,odd\na1,a1,N,\n",
            5
        ),
        ("account_id,parent_account_id,name,status\na1,,North,deleted\n", 1),
        ("term_id,name,status\n,X,active\nt9,,active\nt9,X,odd\n", 3),
        ("term_id,name,status,date_override_enrollment_type\nt9,,active,StudentEnrollment\nt1,,active,Odd\n", 2),
        ("course_id,short_name,long_name,status,account_id\n,C,C,active,\nx,,C,active,\nx,C,,active,\nx,C,C,odd,\n", 4),
        ("course_id,short_name,long_name,status,account_id\nx,C,C,active,nowhere\n", 1),
        ("course_id,short_name,long_name,status,course_format\nx,C,C,active,odd\n", 1),
        ("section_id,course_id,name,status\n,c1,S,active\nx,,S,active\nx,c9,S,active\nx,c1,,active\nx,c1,S,odd\n", 5),
        ("user_id,login_id,status\n,l,active\nx,,active\nx,l,odd\nx,ONE,active\n", 4),
        ("user_id,login_id,status,email\nx,l,active,not an address\n", 1),
        ("section_id,user_id,role,status\n,u1,student,active\ns1,,student,active\ns1,u9,student,active\n", 3),
        ("section_id,user_id,role,status\ns9,u1,student,active\ns1,u1,,active\ns1,u1,odd,active\ns1,u1,ta,odd\n", 4),
        ("course_id,section_id,user_id,role,status\nc9,,u1,student,active\nc9,s1,u1,student,active\n", 2),
        ("section_id,user_id,role,status,associated_user_id\ns1,u1,observer,active,u9\n", 1),
        ("section_id,user_id,role,status,start_date\ns1,u1,student,active,someday\n", 1),
        ("observer_id,student_id,status\n,u1,active\nu1,u1,active\nu9,u1,active\nu1,u9,active\nu1,u2,odd\n", 5),
        ("observer_id,student_id,status\nu1,u2,deleted\n", 1),
        ("xlist_course_id,section_id,status\nc1,s1,active\n", 1),
    ])
    func `rows that Canvas rejects are warnings with file and row`(text: String, rejected: Int) throws {
        var roster = CanvasRoster()
        _ = try run(Self.small, on: &roster)
        let result = try run(["bad.csv": text], on: &roster).result
        #expect(result.messages.count == rejected, "\(result.messages.map(\.text))")
        #expect(result.messages.allSatisfy { $0.file == "bad.csv" && !$0.isFailure })
    }

    @Test func `a row whose date cannot be read is applied all the same`() throws {
        var roster = CanvasRoster()
        _ = try run(Self.small, on: &roster)
        let text = "section_id,user_id,role,status,start_date\ns1,u1,ta,active,someday\n"
        let result = try run(["e.csv": text], on: &roster).result
        #expect(result.statistics.count(.enrollment, .created) == 1)
        #expect(result.messages.first?.row == 2)
    }

    @Test func `a login that is claimed is re-keyed if the import allows it`() throws {
        var roster = CanvasRoster()
        _ = try run(Self.small, on: &roster)
        var options = CanvasImportOptions()
        options.updateSISIDIfLoginClaimed = true
        let text = "user_id,login_id,status\nnew,one,active\n"
        let result = try run(["u.csv": text], options: options, on: &roster).result
        #expect(result.messages.isEmpty)
        #expect(roster.userNumbers["u1"] == nil)
        #expect(roster.users.count == 2)
    }

    @Test(arguments: [
        ("Array,of,nothing\n1,2,3\n", "headers"), ("user_id,login_id,status\nu3,\"x\"y,active\n", "Malformed"),
        ("user_id,login_id,status\nu3,\"x,active\n", "Malformed"),
        ("user_id,login_id,status\nu3,x\"y,active\n", "Malformed"),
    ])
    func `a faulty file fails as a whole, and the others are applied`(text: String, word: String) throws {
        var roster = CanvasRoster()
        let header = "term_id,name,status\n"
        let result = try run(["bad.csv": text, "terms.csv": "\(header)t1,Term,active\n"], on: &roster).result
        #expect(result.messages.map(\.isFailure) == [true])
        #expect(result.messages.first?.text.contains(word) == true)
        #expect(result.counts == ["terms": 1])
    }

    @Test func `bytes that are no UTF-8 fail the file`() throws {
        var roster = CanvasRoster()
        let path = try folder.write("u.csv", bytes: Array("user_id,login_id,status\nu,".utf8) + [0xFF, 0x0A])
        let result = try run(path, name: "u.csv", on: &roster).result
        #expect(result.messages == [.init(file: "u.csv", text: "Invalid UTF-8", row: nil, isFailure: true)])
    }

    @Test func `leftovers are ignored, other files are warned about, empty ones are not there`() throws {
        var roster = CanvasRoster()
        let files: KeyValuePairs = [
            "__MACOSX/users.csv": "x", ".hidden.csv": "x", "notes.txt": "hello", "empty.csv": "",
            "sub/terms.csv": "term_id,name,status\r\n\r\nt1,\"A \"\"term\"\",\r\nof two lines\",active\r\n,,\r\n",
        ]
        let (plan, result) = try run(files, on: &roster)
        #expect(plan.suppliedBatches == ["term"])
        #expect(plan.rows == 1)
        #expect(result.messages.map(\.file) == ["notes.txt"])
        #expect(roster.terms.first?.name == "A \"term\",\r\nof two lines")
    }

    @Test func `a header may carry a mark, any case and any order, but no blanks`() throws {
        var roster = CanvasRoster()
        let good = try run(["t.csv": "\u{FEFF}NAME,Status,term_ID\nT,active,t1\n"], on: &roster).result
        #expect(good.counts == ["terms": 1])
        let blank = try run(["t.csv": " term_id,name,status\nt2,T,active\n"], on: &roster)
        #expect(blank.plan.suppliedBatches == ["term"])
        #expect(blank.result.messages.count == 1)
    }

    @Test func `a stray name column turns a course file into a term file`() {
        #expect(CanvasCSVType.detect(["course_id", "short_name", "term_id", "name"]) == .term)
        #expect(CanvasCSVType.detect(["section_id", "user_id", "role", "status", "name"]) == .section)
        #expect(CanvasCSVType.detect(["user_id", "login_id", "existing_user_id"]) == .login)
    }

    @Test(arguments: [(49, 100), (5_000, 100), (20_000, 203), (2_000_000, 1_000)])
    func `chunks are between 100 and 1000 rows`(rows: Int, size: Int) {
        #expect(CanvasImportWork.chunkSize(rows: rows) == size)
    }

    @Test func `what is not played is said`() throws {
        var roster = CanvasRoster()
        for parameters in [["batch_mode": "1"], ["diffing_data_set_identifier": "x"]] {
            let options = try CanvasImportOptions(parameters)
            let result = try run(["t.csv": "term_id,name,status\nt1,T,active\n"], options: options, on: &roster).result
            #expect(result.messages.count == 1)
        }
    }

    @Test(arguments: [
        ["multi_term_batch_mode": "true"], ["diffing_drop_status": "odd"], ["diffing_user_remove_status": "inactive"],
    ])
    func `a refused parameter leaves an orphan`(parameters: [String: String]) {
        let refusal = #expect(throws: CanvasImportOptions.Refusal.self) { try CanvasImportOptions(parameters) }
        #expect(refusal?.leavesOrphan == true)
    }

    @Test func `an archive that is none is said`() throws {
        var roster = CanvasRoster()
        let path = try folder.write("import.zip", "this is no archive")
        let error = #expect(throws: SimulatorError.self) { try run(path, name: "import.zip", on: &roster) }
        #expect(error?.code == .unreadableArchive)
    }
}
