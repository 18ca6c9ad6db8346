/// A school district that never was: any size, the same bytes for the same settings.
///
/// The set is written as OneRoster CSV files, row by row, and is never held in memory: a million people and six million
/// enrolments take some seconds and a few megabytes. Every value is a function of the seed and the row's position
/// (`SplitMix64.hash`), not of a running generator. So a later night (`night`) differs from the one before only in the
/// pupils it touches: about one in 1000 leaves and is replaced by a newcomer, one in 500 changes the family
/// name, and one in 500 moves to other classes, each night.
///
/// The shape: one district, a school for each 800 people, pupils 93 %, teachers 6 %, other staff the rest; classes of
/// about 25, each with one teacher; the pupils' enrolments fill the rest of the number asked for, exactly.
package struct SyntheticDistrict: Sendable {
    /// Which release of the OneRoster CSV binding is written.
    package enum Release: String, Sendable, CaseIterable {
        case release11 = "1.1"
        case release12 = "1.2"
    }

    /// How many rows each file of a district holds, without its header.
    package struct Counts: Sendable, Equatable {
        package var orgs = 0
        package var academicSessions = 0
        package var courses = 0
        package var classes = 0
        /// Pupils, teachers, other staff, and parents where they are wanted.
        package var users = 0
        /// Rows of `roles.csv`; none in release 1.1.
        package var roles = 0
        package var enrollments = 0
        /// All bytes of all files, before packing.
        package var bytes = 0

        /// All rows of all data files; the manifest is not counted.
        package var rows: Int { orgs + academicSessions + courses + classes + users + roles + enrollments }
    }

    /// Pupils, teachers and other staff together; 10 or more. Parents come on top.
    package let people: Int
    /// Rows of `enrollments.csv`, exactly; 0 or more.
    package let enrolments: Int
    package let seed: UInt64
    package let release: Release
    /// Whether half of the pupils have a parent, linked by `agentSourcedIds`.
    package let parents: Bool
    /// 0 for the first night; later ones carry the changes of all nights before. At most 400.
    package let night: Int
    /// The calendar year in which the school year ends.
    package let schoolYear: Int

    package static let smallestPeople = 10
    package static let largestPeople = 50_000_000
    package static let lastNight = 400

    /// - Throws: `SimulatorError` with `.impossibleDistrict` if a number is out of range.
    package init(
        people: Int, enrolments: Int, seed: UInt64 = 1, release: Release = .release11, parents: Bool = false,
        night: Int = 0, schoolYear: Int = 2026
    ) throws {
        func require(_ condition: Bool, _ what: String, _ remedy: String) throws {
            guard condition else { throw SimulatorError(.impossibleDistrict, operation: what, remedy: remedy) }
        }
        try require(
            (SyntheticDistrict.smallestPeople...SyntheticDistrict.largestPeople).contains(people),
            "make a district of \(people) people", "Ask for 10 to 50 million people.")
        try require(enrolments >= 0, "make \(enrolments) enrolments", "Ask for 0 or more.")
        try require(
            enrolments <= people * 100, "make \(enrolments) enrolments for \(people) people",
            "Ask for at most 100 enrolments for each of them.")
        try require(
            (0...SyntheticDistrict.lastNight).contains(night), "make night \(night)", "Ask for a night from 0 to 400.")
        try require(
            (1990...2100).contains(schoolYear), "make the school year \(schoolYear)",
            "Ask for a year from 1990 to 2100.")
        self.people = people
        self.enrolments = enrolments
        self.seed = seed
        self.release = release
        self.parents = parents
        self.night = night
        self.schoolYear = schoolYear
    }

    /// The same district on another night.
    ///
    /// - Throws: `SimulatorError` with `.impossibleDistrict` if the night is out of range.
    package func mutated(night: Int) throws -> SyntheticDistrict {
        try SyntheticDistrict(
            people: people, enrolments: enrolments, seed: seed, release: release, parents: parents, night: night,
            schoolYear: schoolYear)
    }

    /// Writes the files of the district into a folder, which is made if it is not there.
    ///
    /// Blocks the thread while it writes; not for the cooperative pool when the district is large.
    /// - Throws: `SimulatorError` with `.fileSystem`.
    @discardableResult
    package func write(toFolder folder: String) throws -> Counts {
        try FileSystem.createFolder(folder)
        let shape = DistrictShape(self)
        var counts = Counts()
        try writeManifest(folder, &counts)
        try writeOrgs(folder, shape, &counts)
        try writeSessions(folder, &counts)
        try writeCourses(folder, &counts)
        try writeClasses(folder, shape, &counts)
        try writeUsers(folder, shape, &counts)
        if release == .release12 { try writeRoles(folder, shape, &counts) }
        try writeEnrolments(folder, shape, &counts)
        return counts
    }
}
