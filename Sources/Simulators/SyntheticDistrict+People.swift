/// The large files: users, roles and enrolments.
///
/// People are numbered through the district: first all pupils, then all teachers, then other staff. The number and the
/// generation make the id, so that a newcomer never inherits the id of the one who left.
extension SyntheticDistrict {
    enum Role {
        case student
        case teacher
        case staff
        case parent

        /// How OneRoster calls it.
        var word: StaticString {
            switch self {
            case .student: "student"
            case .teacher: "teacher"
            // 1.1 and 1.2 know the aide; neither has a word for the school's office.
            case .staff: "aide"
            case .parent: "parent"
            }
        }
    }

    func writeUsers(_ folder: String, _ shape: DistrictShape, _ counts: inout Counts) throws {
        let header11: StaticString = """
            sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,\
            middleName,identifier,email,sms,phone,agentSourcedIds,grades,password
            """
        let header12: StaticString = """
            sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,\
            email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,\
            preferredMiddleName,\
            preferredFamilyName,primaryOrgSourcedId,pronouns
            """
        var users = 0
        try table(folder, "users.csv", header: release == .release11 ? header11 : header12, &counts) { out in
            try forEachPerson(shape) { role, number, school in
                try appendUser(role, number, school: school, to: out)
                users += 1
            }
        }
        counts.users = users
    }

    func writeRoles(_ folder: String, _ shape: DistrictShape, _ counts: inout Counts) throws {
        let header: StaticString = """
            sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,\
            userProfileSourcedId
            """
        var roles = 0
        try table(folder, "roles.csv", header: header, &counts) { out in
            try forEachPerson(shape) { role, number, school in
                let version = PersonVersion(seed: seed, number: number, night: night)
                out.append("r-")
                append(person: role, number, version, to: out)
                out.append(",,,")
                append(person: role, number, version, to: out)
                out.append(",primary,")
                out.append(role.word)
                out.append(",,,")
                append(school: school, to: out)
                out.append(44)
                try out.endRow()
                roles += 1
            }
        }
        counts.roles = roles
    }

    /// The classes of a school are walked by the pupils in steps that share no factor with their number. So no pupil
    /// sits in a class twice, and all classes fill evenly.
    func writeEnrolments(_ folder: String, _ shape: DistrictShape, _ counts: inout Counts) throws {
        let header: StaticString = """
            sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,\
            beginDate,endDate
            """
        var row = 0
        try table(folder, "enrollments.csv", header: header, &counts) { out in
            for school in shape.schools {
                for number in 0..<school.teacherEnrolments {
                    let teacher = shape.students + school.teachers.lowerBound + number % school.teachers.count
                    let version = PersonVersion(seed: seed, number: teacher, night: night)
                    try appendEnrolment(row, number, school, .teacher, teacher, version, to: out)
                    row += 1
                }
                let step = coprimeStep(school.classCount)
                let pupils = school.students.count
                for rank in 0..<min(pupils, school.studentEnrolments) {
                    let number = school.students.lowerBound + rank
                    let version = PersonVersion(seed: seed, number: number, night: night)
                    let rounds = (school.studentEnrolments - rank + pupils - 1) / pupils
                    for round in 0..<rounds {
                        let place = (rank + version.moves + round * step) % school.classCount
                        try appendEnrolment(row, place, school, .student, number, version, to: out)
                        row += 1
                    }
                }
            }
        }
        counts.enrollments = row
    }

    private func appendEnrolment(
        _ row: Int, _ place: Int, _ school: DistrictShape.School, _ role: Role, _ number: Int, _ version: PersonVersion,
        to out: BlockWriter
    ) throws {
        // The id says who and where, so that an enrolment keeps it from night to night.
        out.append("e-")
        append(person: role, number, version, to: out)
        out.append(45)
        out.append(number: school.index + 1)
        out.append(45)
        out.append(number: place + 1)
        out.append(",,,")
        append(class: place, school: school.index, to: out)
        out.append(44)
        append(school: school.index, to: out)
        out.append(44)
        append(person: role, number, version, to: out)
        if case .teacher = role { out.append(",teacher,true,,") } else { out.append(",student,false,,") }
        try out.endRow()
    }

    private func coprimeStep(_ count: Int) -> Int {
        func divisor(_ first: Int, _ second: Int) -> Int { second == 0 ? first : divisor(second, first % second) }
        var step = max(1, count / 7)
        while divisor(count, step) != 1 { step += 1 }
        return step
    }

    private func forEachPerson(_ shape: DistrictShape, _ body: (Role, Int, Int) throws -> Void) throws {
        for school in shape.schools {
            for number in school.students { try body(.student, number, school.index) }
        }
        for school in shape.schools {
            for number in school.teachers { try body(.teacher, shape.students + number, school.index) }
        }
        for school in shape.schools {
            for number in school.staff { try body(.staff, shape.students + shape.teachers + number, school.index) }
        }
        guard parents else { return }
        for school in shape.schools {
            for number in school.students where number % 2 == 0 { try body(.parent, number, school.index) }
        }
    }

    private func appendUser(_ role: Role, _ number: Int, school: Int, to out: BlockWriter) throws {
        let version = PersonVersion(seed: seed, number: number, night: night)
        append(person: role, number, version, to: out)
        out.append(",,,true,")
        if release == .release11 {
            append(school: school, to: out)
            out.append(44)
            out.append(role.word)
            out.append(44)
        }
        append(username: role, number, version, to: out)
        out.append(",{LDAP:")
        append(username: role, number, version, to: out)
        out.append("},")
        appendNames(role, number, version, to: out)
        out.append(",,N")
        out.append(number: 100_000 + number)
        out.append(44)
        append(username: role, number, version, to: out)
        out.append("@riobravo.example,,,")
        let isStudent = if case .student = role { true } else { false }
        if isStudent, parents, number % 2 == 0 { append(person: .parent, number, version, to: out) }
        out.append(44)
        if isStudent { append(grade: Int(SplitMix64.hash(seed, number, 5) % 13), to: out) }
        out.append(44)
        if release == .release12 {
            out.append(",,,,,")
            append(school: school, to: out)
            out.append(44)
        }
        try out.endRow()
    }

    private func appendNames(_ role: Role, _ number: Int, _ version: PersonVersion, to out: BlockWriter) {
        let names = DistrictNames.shared
        // A parent shares the child's family name, not the given one.
        let salt = if case .parent = role { 3 } else { 2 }
        let given = SplitMix64.hash(seed, number, version.generation, salt)
        let family = SplitMix64.hash(seed, number, version.generation &* 64 &+ version.renames, 4)
        out.append(names.givenNames[Int(given % UInt64(names.givenNames.count))])
        out.append(44)
        out.append(names.familyNames[Int(family % UInt64(names.familyNames.count))])
    }

    private func append(person role: Role, _ number: Int, _ version: PersonVersion, to out: BlockWriter) {
        if case .parent = role { out.append("g-") } else { out.append("u-") }
        out.append(number: number + 1, width: 7)
        if version.generation > 0 {
            out.append(46)
            out.append(number: version.generation)
        }
    }

    private func append(username role: Role, _ number: Int, _ version: PersonVersion, to out: BlockWriter) {
        if case .parent = role { out.append("parent") } else { out.append("user") }
        out.append(number: number + 1, width: 7)
        if version.generation > 0 {
            out.append(46)
            out.append(number: version.generation)
        }
    }
}
