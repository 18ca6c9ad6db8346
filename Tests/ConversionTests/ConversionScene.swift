import CSV
import Conversion
import Foundation
import OneRoster

/// One roster on its way through extract and conversion, in a folder of its own.
final class ConversionScene {
    private let path: String
    private(set) var snapshot: RosterSnapshot
    private(set) var report: ConversionReport

    /// Runs a roster through; the day is 1 October 2026 unless said otherwise.
    init(
        _ files: [String: String] = [:], from folder: String? = nil, rules: ConversionRules = ConversionRules(),
        today: CalendarDay? = CalendarDay(year: 2026, month: 10, day: 1)
    ) throws {
        path = FileManager.default.temporaryDirectory.path + "/conversion-\(UUID().uuidString)"
        for part in ["in", "snapshot", "out"] {
            try FileManager.default.createDirectory(atPath: path + "/" + part, withIntermediateDirectories: true)
        }
        for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/in/" + name)) }
        snapshot = try RosterExtractor.extract(source: .folder(folder ?? path + "/in"), into: path + "/snapshot")
        let reopened = try RosterSnapshot.open(folder: path + "/snapshot")
        report = try RosterConversion.run(snapshot: reopened, rules: rules, into: path + "/out", on: today)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Where the files were written.
    var output: String { path + "/out" }

    /// The bytes of a written file.
    func bytes(_ file: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path + "/out/" + file)) }

    /// The rows of a written file, by column name.
    func rows(_ file: String) throws -> [[String: String]] {
        var scanner = try CSVScanner(path: path + "/out/" + file)
        guard try scanner.next() else { return [] }
        let names = scanner.fields
        var found: [[String: String]] = []
        while try scanner.next() {
            found.append(Dictionary(zip(names, scanner.fields), uniquingKeysWith: { first, _ in first }))
        }
        return found
    }

    /// One column of a written file.
    func column(_ file: String, _ name: String) throws -> [String] { try rows(file).map { $0[name] ?? "?" } }

    /// The issues of a table, as `row code outcome`.
    func issues(_ file: String) throws -> [String] {
        try rows("issues.csv").filter { $0["file"] == file }
            .map { "\($0["row"] ?? "") \($0["code"] ?? "") \($0["outcome"] ?? "")" }
    }

    /// Issues about a row below the header that do not name the record.
    func nameless() throws -> [String] {
        try rows("issues.csv").filter { ($0["row"] ?? "").count > 0 && $0["row"] != "1" && $0["sourced_id"] == "" }
            .map { "\($0["file"] ?? "") \($0["row"] ?? "") \($0["code"] ?? "")" }
    }

    /// What became of a table's rows.
    func count(_ table: RosterTableKind) -> ConversionCount? { report.counts.first { $0.table == table } }

    /// Tables whose rows do not add up: between the counts, and between counts and listed issues.
    func gaps() throws -> [String] {
        let listed = try rows("issues.csv")
        return report.counts.compactMap { count in
            func named(_ outcome: String) -> Int {
                listed.count { $0["file"] == count.table.fileName && $0["outcome"] == outcome && $0["row"] != "" }
            }
            let adds = count.converted + count.skipped + count.merged == count.extracted
            let isNamed = named("skipped") == count.skipped && named("merged") == count.merged
            return adds && isNamed ? nil : "\(count) named \(named("skipped"))/\(named("merged"))"
        }
    }
}

/// A school in OneRoster 1.1, small and right in every way; tests change single files of it.
enum School {
    static let orgs = """
        sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId
        s2,,,South,school,,d1
        s1,,,North,school,,d1
        d1,,,District,district,,

        """
    static let sessions = """
        sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear
        y,,,Year,schoolYear,2026-08-01,2027-07-01,,2027
        t1,,,Fall,term,2026-08-01,2027-01-01,y,2027
        t2,,,Spring,term,2027-01-01,2027-07-01,y,2027
        g1,,,Q1,gradingPeriod,2026-08-01,2026-10-15,t1,2027

        """
    static let courses = """
        sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes
        m,,,y,Mathematics,MAT,,s1,,

        """
    static let classes = """
        sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,\
        termSourcedIds,subjects,subjectCodes,periods
        c2,,,Maths B,,m,,scheduled,,s2,g1,,,
        c1,,,Maths A,,m,MAT-A,scheduled,,s1,"t1,t2",,,

        """
    static let users = """
        sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,\
        middleName,identifier,email,sms,phone,agentSourcedIds,grades,password
        u2,,,true,s1,student,bea,,Bea,Ö'Neil,,,bea@x.org,,,p1,,
        u1,,,true,s1,student,abe,,Abe,"Lee, Jr",,,no-mail,,,,,
        t1,,,true,s1,teacher,Tim,,Tim,Tan,,,,,,,,secret
        p1,,,true,s1,parent,pat,,Pat,Ö'Neil,,,,,,u2,,

        """
    static let enrollments = """
        sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate
        e3,,,c2,s2,u2,student,false,,
        e1,,,c1,s1,t1,teacher,true,,
        e2,,,c1,s1,u2,student,false,2026-09-01,2027-06-01
        e4,,,c1,s1,u1,student,false,,

        """
    static let manifest = """
        propertyName,value
        manifest.version,1.0
        oneroster.version,1.1
        file.academicSessions,bulk
        file.orgs,bulk
        file.courses,bulk
        file.classes,bulk
        file.users,bulk
        file.enrollments,bulk

        """

    /// All files, with some replaced or added to.
    static func files(_ changes: [String: String] = [:], adding: [String: String] = [:]) -> [String: String] {
        var files = [
            "manifest.csv": manifest, "orgs.csv": orgs, "academicSessions.csv": sessions, "courses.csv": courses,
            "classes.csv": classes, "users.csv": users, "enrollments.csv": enrollments,
        ].merging(changes) { _, new in new }
        for (name, rows) in adding { files[name, default: ""] += rows }
        return files
    }
}
