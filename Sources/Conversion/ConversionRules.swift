/// How a roster becomes Canvas files: every choice a district may make, with the default of the standard mapping.
///
/// All keys may be left out of the stored form.
package struct ConversionRules: Sendable, Codable, Equatable {
    /// What `endDate` means at the source.
    package enum EndMode: String, Sendable, Codable, CaseIterable {
        /// The first day after the end, as the standard says.
        case exclusive
        /// The last day.
        case inclusive
    }

    /// How dates such as 8/9/2026 are to be read.
    package enum DateOrder: String, Sendable, Codable, CaseIterable {
        /// Not at all: they are reported and count as blank.
        case refused
        case monthDayYear = "mdy"
        case dayMonthYear = "dmy"
    }

    /// A field that may serve as login.
    package enum LoginField: String, Sendable, Codable, CaseIterable {
        case username
        case email
        case sourcedID = "sourced_id"
    }

    /// Which sessions become terms.
    package enum TermChoice: String, Sendable, Codable, CaseIterable {
        /// Those that a class uses.
        case referenced
        /// All but grading periods.
        case all
    }

    /// Which users become accounts.
    package enum UsersChoice: String, Sendable, Codable, CaseIterable {
        /// Everybody; guardians only with observers on.
        case all
        /// Who is enrolled, and staff.
        case enrolled
    }

    /// The state in which courses are created.
    package enum CourseStatus: String, Sendable, Codable, CaseIterable {
        /// Unpublished.
        case active
        case published
    }

    /// What becomes of classes marked to be deleted.
    package enum DeletedClass: String, Sendable, Codable, CaseIterable {
        case deleted
        case completed
    }

    /// What becomes of users marked to be deleted.
    package enum DeletedUser: String, Sendable, Codable, CaseIterable {
        /// No login, everything else kept.
        case suspended
        case deleted
    }

    /// What becomes of enrolments marked to be deleted.
    package enum DroppedEnrollment: String, Sendable, Codable, CaseIterable {
        case deleted
        /// The grades stay.
        case inactive
    }

    /// What becomes of organisations marked to be deleted.
    package enum DeletedAccount: String, Sendable, Codable, CaseIterable {
        /// Kept, and reported: an account is never deleted by default.
        case keep
        case deleted
    }

    /// What an enrolment's role becomes.
    package enum EnrollmentRole: String, Sendable, Codable, CaseIterable {
        case student
        case teacher
        case ta
        case designer
        /// Not written, with a notice.
        case dropped
    }

    /// The source's IANA time zone; default `UTC`.
    package var timeZone = "UTC"

    /// Default exclusive.
    package var endMode = EndMode.exclusive

    /// Default refused.
    package var dateOrder = DateOrder.refused

    /// Put before every user id; default empty.
    package var userIDPrefix = ""

    /// The first that is not blank is the login; default username, then email.
    package var loginFields = [LoginField.username, .email]

    /// Words for roles beyond the standard's, in lower case, to the standard's. A mapped word still gives a warning.
    package var roleMap = [
        "professor": "teacher", "lecturer": "teacher", "faculty": "teacher", "instructor": "teacher",
        "adjunct": "teacher", "teachingassistant": "aide", "paraprofessional": "aide", "staff": "proctor",
        "learner": "student", "pupil": "student",
    ]

    /// Words for types of organisation beyond the standard's, in lower case, to the standard's.
    package var orgMap = [
        "college": "school", "campus": "school", "institute": "school", "university": "district",
        "ministryofeducation": "national", "faculty": "department",
    ]

    /// The organisation that is Canvas's root account and gives no row; nil (default) takes the only one without a
    /// parent that is not a school.
    package var rootOrg: String?

    /// Whether departments become accounts; default no.
    package var exportDepartments = false

    /// Default keep.
    package var deletedAccount = DeletedAccount.keep

    /// Default referenced.
    package var termChoice = TermChoice.referenced

    /// Default all. Someone without a class this week keeps the account that way, whatever kind of import follows.
    package var usersChoice = UsersChoice.all

    /// Whether pronouns are written; default no.
    package var exportPronouns = false

    /// Default suspended.
    package var deletedUser = DeletedUser.suspended

    /// Default active, which in Canvas means unpublished.
    package var courseStatus = CourseStatus.active

    /// Default deleted.
    package var deletedClass = DeletedClass.deleted

    /// Whether homeroom classes are exported like scheduled ones; default yes.
    package var exportHomerooms = true

    /// What teachers become who are marked as not primary; default teacher.
    package var secondaryTeacher = EnrollmentRole.teacher

    /// What aides become; default ta.
    package var aide = EnrollmentRole.ta

    /// What proctors become; default dropped.
    package var proctor = EnrollmentRole.dropped

    /// What administrators of a class become; default dropped.
    package var administrator = EnrollmentRole.dropped

    /// Default deleted.
    package var droppedEnrollment = DroppedEnrollment.deleted

    /// Whether guardians observe their students; default no, since it creates accounts for them.
    package var observers = false

    /// The standard mapping.
    package init() {}
}

extension ConversionRules {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case timeZone, endMode, dateOrder, userIDPrefix, loginFields, roleMap, orgMap, rootOrg, exportDepartments
        case deletedAccount, termChoice, usersChoice, exportPronouns, deletedUser, courseStatus, deletedClass
        case exportHomerooms, secondaryTeacher, aide, proctor, administrator, droppedEnrollment, observers
    }

    /// Reads stored rules; keys left out take their defaults.
    /// The names of all rules, for whoever checks what was written.
    package static var names: [String] { CodingKeys.allCases.map(\.rawValue) }

    package init(from decoder: any Decoder) throws {
        self.init()
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func take<Value: Decodable>(_ value: inout Value, _ key: CodingKeys) throws {
            if let found = try container.decodeIfPresent(Value.self, forKey: key) { value = found }
        }
        try take(&timeZone, .timeZone)
        try take(&endMode, .endMode)
        try take(&dateOrder, .dateOrder)
        try take(&userIDPrefix, .userIDPrefix)
        try take(&loginFields, .loginFields)
        try take(&roleMap, .roleMap)
        try take(&orgMap, .orgMap)
        rootOrg = try container.decodeIfPresent(String.self, forKey: .rootOrg)
        try take(&exportDepartments, .exportDepartments)
        try take(&deletedAccount, .deletedAccount)
        try take(&termChoice, .termChoice)
        try take(&usersChoice, .usersChoice)
        try take(&exportPronouns, .exportPronouns)
        try take(&deletedUser, .deletedUser)
        try take(&courseStatus, .courseStatus)
        try take(&deletedClass, .deletedClass)
        try take(&exportHomerooms, .exportHomerooms)
        try take(&secondaryTeacher, .secondaryTeacher)
        try take(&aide, .aide)
        try take(&proctor, .proctor)
        try take(&administrator, .administrator)
        try take(&droppedEnrollment, .droppedEnrollment)
        try take(&observers, .observers)
    }
}
