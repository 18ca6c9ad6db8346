/// How many of everything a district has, and who belongs to which school.
///
/// All is arithmetic on ranges: the pupils of a school are neighbours in one numbering, so that nothing needs a table.
struct DistrictShape: Sendable {
    struct School: Sendable {
        let index: Int
        /// Numbers of its pupils, counted through the district.
        let students: Range<Int>
        /// Numbers of its teachers, counted through the district.
        let teachers: Range<Int>
        let staff: Range<Int>
        let classCount: Int
        /// Rows of this school in the file of enrolments, those of teachers first.
        let enrolmentCount: Int

        /// One teacher for each class, as far as the number of enrolments allows.
        var teacherEnrolments: Int { min(classCount, enrolmentCount) }
        var studentEnrolments: Int { enrolmentCount - teacherEnrolments }
    }

    static let peoplePerSchool = 800
    static let pupilsPerClass = 25

    let schools: [School]
    let students: Int
    let teachers: Int
    let staff: Int

    init(_ district: SyntheticDistrict) {
        let count = max(1, district.people / DistrictShape.peoplePerSchool)
        let teachers = max(count, district.people * 6 / 100)
        let staff = max(1, district.people / 100)
        let students = district.people - teachers - staff
        schools = (0..<count).map { index in
            func share(of total: Int) -> Range<Int> { (total * index / count)..<(total * (index + 1) / count) }
            let pupils = share(of: students)
            let enrolments = share(of: district.enrolments).count
            // Enough classes that no pupil needs to sit in one of them twice.
            let classes = max(
                1, DistrictShape.ceiling(enrolments, DistrictShape.pupilsPerClass),
                DistrictShape.ceiling(enrolments, max(1, pupils.count)))
            return School(
                index: index, students: pupils, teachers: share(of: teachers), staff: share(of: staff),
                classCount: classes, enrolmentCount: enrolments)
        }
        self.students = students
        self.teachers = teachers
        self.staff = staff
    }

    private static func ceiling(_ dividend: Int, _ divisor: Int) -> Int { (dividend + divisor - 1) / divisor }
}

/// What has happened to one person up to a night.
struct PersonVersion: Sendable {
    /// How often somebody else has taken the place; a new one has a new id.
    var generation = 0
    /// How often the family name has changed.
    var renames = 0
    /// By how many classes the pupil's timetable has moved.
    var moves = 0

    /// - Parameter number: The person's number, counted through students, teachers and staff.
    init(seed: UInt64, number: Int, night: Int) {
        guard night > 0 else { return }
        for past in 1...night {
            let drawn = SplitMix64.hash(seed, number, past, 77)
            if drawn % 1000 == 0 {
                generation += 1
                renames = 0
            } else if drawn % 1000 < 3 {
                renames += 1
            } else if drawn % 1000 < 5 {
                moves += 1
            }
        }
    }
}
