/// The small files: a few hundred rows for each million people, classes apart.
extension SyntheticDistrict {
    var districtID: StaticString { "org-district" }
    private static let gradeCount = 13

    /// Opens a file, writes its header and rows, and adds its bytes to the counts.
    func table(
        _ folder: String, _ name: String, header: StaticString, _ counts: inout Counts,
        rows: (BlockWriter) throws -> Void
    ) throws {
        let out = try BlockWriter(path: "\(folder)/\(name)")
        out.append(header)
        try out.endRow()
        try rows(out)
        try out.flush()
        counts.bytes += out.bytesWritten
    }

    func writeManifest(_ folder: String, _ counts: inout Counts) throws {
        var present = ["academicSessions", "classes", "courses", "enrollments", "orgs", "users"]
        var names = [
            "academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
            "enrollments", "lineItems", "orgs", "resources", "results", "users",
        ]
        if release == .release12 {
            present.append("roles")
            names += [
                "lineItemLearningObjectiveIds", "lineItemScoreScales", "resultLearningObjectiveIds",
                "resultScoreScales",
                "roles", "scoreScales", "userProfiles", "userResources",
            ]
        }
        try table(folder, "manifest.csv", header: "propertyName,value", &counts) { out in
            out.append(text: "manifest.version,1.0\noneroster.version,\(release.rawValue)\n")
            for name in names { out.append(text: "file.\(name),\(present.contains(name) ? "bulk" : "absent")\n") }
            out.append(text: "source.systemName,Synthetic district\nsource.systemCode,seed-\(seed)\n")
        }
    }

    func writeOrgs(_ folder: String, _ shape: DistrictShape, _ counts: inout Counts) throws {
        let header: StaticString = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"
        let kinds = ["Elementary School", "Middle School", "High School", "École", "Academy, North"]
        try table(folder, "orgs.csv", header: header, &counts) { out in
            out.append("org-district,,,Río Bravo Unified School District,district,D-1,")
            try out.endRow()
            for school in shape.schools {
                append(school: school.index, to: out)
                out.append(",,,")
                let names = DistrictNames.shared.familyNames
                let surname = String(decoding: names[school.index % 13], as: UTF8.self).filter { $0 != "\"" }
                out.append(DistrictNames.field("\(surname) \(kinds[school.index % kinds.count]) \(school.index + 1)"))
                out.append(",school,S-")
                out.append(number: school.index + 1, width: 4)
                out.append(",org-district")
                try out.endRow()
            }
        }
        counts.orgs = shape.schools.count + 1
    }

    func writeSessions(_ folder: String, _ counts: inout Counts) throws {
        let header: StaticString =
            "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear"
        let first = schoolYear - 1
        let sessions: [(id: String, title: String, type: String, start: String, end: String, parent: String)] = [
            ("sy", "School Year \(first)-\(schoolYear)", "schoolYear", "\(first)-08-18", "\(schoolYear)-06-12", ""),
            ("s1", "Fall Semester", "semester", "\(first)-08-18", "\(schoolYear)-01-16", "sy"),
            ("s2", "Spring Semester", "semester", "\(schoolYear)-01-20", "\(schoolYear)-06-12", "sy"),
            ("g1", "Quarter 1", "gradingPeriod", "\(first)-08-18", "\(first)-10-24", "s1"),
            ("g2", "Quarter 2", "gradingPeriod", "\(first)-10-27", "\(schoolYear)-01-16", "s1"),
            ("g3", "Quarter 3", "gradingPeriod", "\(schoolYear)-01-20", "\(schoolYear)-03-27", "s2"),
            ("g4", "Quarter 4", "gradingPeriod", "\(schoolYear)-03-30", "\(schoolYear)-06-12", "s2"),
        ]
        try table(folder, "academicSessions.csv", header: header, &counts) { out in
            for session in sessions {
                let parent = session.parent.isEmpty ? "" : "\(session.parent)-\(schoolYear)"
                out.append(text: "\(session.id)-\(schoolYear),,,\(session.title),\(session.type),")
                out.append(text: "\(session.start),\(session.end),\(parent),\(schoolYear)")
                try out.endRow()
            }
        }
        counts.academicSessions = sessions.count
    }

    func writeCourses(_ folder: String, _ counts: inout Counts) throws {
        let header: StaticString = """
            sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,\
            grades,orgSourcedId,subjects,subjectCodes
            """
        let subjects = DistrictNames.shared.subjects
        try table(folder, "courses.csv", header: header, &counts) { out in
            for subject in subjects {
                for grade in 0..<SyntheticDistrict.gradeCount {
                    append(course: subject.code, grade: grade, to: out)
                    out.append(text: ",,,sy-\(schoolYear),")
                    out.append(DistrictNames.field("\(subject.title) \(grade == 0 ? "K" : "\(grade)")"))
                    out.append(44)
                    append(courseCode: subject.code, grade: grade, to: out)
                    out.append(44)
                    append(grade: grade, to: out)
                    out.append(",org-district,")
                    out.append(DistrictNames.field(subject.title.filter { $0 != "," }))
                    out.append(44)
                    out.append(subject.code)
                    try out.endRow()
                }
            }
        }
        counts.courses = subjects.count * SyntheticDistrict.gradeCount
    }

    func writeClasses(_ folder: String, _ shape: DistrictShape, _ counts: inout Counts) throws {
        let header: StaticString = """
            sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,\
            schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods
            """
        let subjects = DistrictNames.shared.subjects
        let titles = subjects.map { subject in
            (0..<SyntheticDistrict.gradeCount).map { grade in
                DistrictNames.field("\(subject.title) \(grade == 0 ? "K" : "\(grade)"), Section")
            }
        }
        let years = [
            "\"s1-\(schoolYear),s2-\(schoolYear)\"", "s1-\(schoolYear)", "s2-\(schoolYear)", "sy-\(schoolYear)",
        ].map { Array($0.utf8) }
        try table(folder, "classes.csv", header: header, &counts) { out in
            for school in shape.schools {
                for number in 0..<school.classCount {
                    let drawn = SplitMix64.hash(seed, school.index, number, 11)
                    let subject = Int(drawn % UInt64(subjects.count))
                    let grade = Int((drawn >> 16) % UInt64(SyntheticDistrict.gradeCount))
                    append(class: number, school: school.index, to: out)
                    out.append(",,,")
                    // The title's field ends in a quote, which the section's number must stay inside of.
                    out.append(Array(titles[subject][grade].dropLast()))
                    out.append(32)
                    out.append(number: number + 1)
                    out.append("\",")
                    append(grade: grade, to: out)
                    out.append(44)
                    append(course: subjects[subject].code, grade: grade, to: out)
                    out.append(44)
                    append(courseCode: subjects[subject].code, grade: grade, to: out)
                    out.append(45)
                    out.append(number: number + 1)
                    out.append(subjects[subject].title == "Homeroom" ? ",homeroom,R" : ",scheduled,R")
                    out.append(number: 100 + number % 300)
                    out.append(44)
                    append(school: school.index, to: out)
                    out.append(44)
                    out.append(years[Int((drawn >> 32) % 4)])
                    out.append(44)
                    out.append(44)
                    out.append(44)
                    out.append(number: 1 + number % 8)
                    try out.endRow()
                }
            }
        }
        counts.classes = shape.schools.reduce(0) { $0 + $1.classCount }
    }

    func append(school: Int, to out: BlockWriter) {
        out.append("org-")
        out.append(number: school + 1, width: 4)
    }

    func append(class number: Int, school: Int, to out: BlockWriter) {
        out.append("c-")
        out.append(number: school + 1, width: 4)
        out.append(45)
        out.append(number: number + 1, width: 5)
    }

    func append(grade: Int, to out: BlockWriter) {
        if grade == 0 { out.append("KG") } else { out.append(number: grade, width: 2) }
    }

    private func append(course code: [UInt8], grade: Int, to out: BlockWriter) {
        out.append("crs-")
        append(courseCode: code, grade: grade, to: out)
    }

    private func append(courseCode code: [UInt8], grade: Int, to out: BlockWriter) {
        out.append(code)
        out.append(45)
        append(grade: grade, to: out)
    }
}
