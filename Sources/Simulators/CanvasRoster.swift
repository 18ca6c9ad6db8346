/// All objects of a simulated root account, kept small: a million users and six million enrolments fit into a gigabyte.
///
/// Ids and logins are strings, references between objects are row numbers. What a row changes is compared with what is
/// stored, so that statistics count changes of state only.
struct CanvasRoster: Sendable {
    struct Account: Sendable {
        var sisID: String
        var name: String
        var parent: Int?
        var state = CanvasObjectState.active
    }

    struct Term: Sendable {
        var sisID: String
        var name: String
        var state = CanvasObjectState.active
    }

    struct Course: Sendable {
        var sisID: String
        var name: String
        var code: String
        var account: Int?
        var term: Int?
        var state: CanvasObjectState
        /// Made when the first enrolment names no section.
        var defaultSection: Int?
    }

    struct Section: Sendable {
        /// Nothing for a course's default section.
        var sisID: String?
        var name: String
        var course: Int
        var state = CanvasObjectState.active
    }

    struct User: Sendable {
        var sisID: String
        var login: String
        var name: String
        var email: String?
        var state: CanvasObjectState
    }

    enum Role: UInt8, Sendable {
        case student
        case teacher
        case assistant
        case designer
        case observer

        /// Built-in roles are known by name whatever their case; `student` also by its beginning.
        init?(_ word: String) {
            switch word.lowercased() {
            case "teacher": self = .teacher
            case "ta": self = .assistant
            case "designer": self = .designer
            case "observer": self = .observer
            case let name where name.hasPrefix("student"): self = .student
            default: return nil
            }
        }
    }

    /// What makes an enrolment the same one.
    struct EnrollmentKey: Sendable, Hashable {
        var section: UInt32
        var user: UInt32
        /// The observed user; the largest number stands for none.
        var associated: UInt32
        var role: Role
    }

    struct ObserverLink: Sendable, Hashable {
        var observer: UInt32
        var student: UInt32
    }

    var accounts: [Account] = []
    var accountNumbers: [String: Int] = [:]
    var terms: [Term] = []
    var termNumbers: [String: Int] = [:]
    var courses: [Course] = []
    var courseNumbers: [String: Int] = [:]
    var sections: [Section] = []
    var sectionNumbers: [String: Int] = [:]
    var users: [User] = []
    var userNumbers: [String: Int] = [:]
    /// Active logins in lower case to the users that hold them.
    var loginHolders: [String: Int] = [:]
    var enrollments: [EnrollmentKey: CanvasObjectState] = [:]
    var observers: [ObserverLink: CanvasObjectState] = [:]

    /// How many objects there are, by kind and state, for `GET /_sim/state`.
    struct Summary: Sendable {
        var accounts = 0
        var terms = 0
        var courses: [String: Int] = [:]
        var sections = 0
        var users: [String: Int] = [:]
        var enrollments: [String: Int] = [:]
        var observers = 0
    }

    func summary() -> Summary {
        var summary = Summary()
        summary.accounts = accounts.count { $0.state != .deleted }
        summary.terms = terms.count { $0.state != .deleted }
        summary.sections = sections.count { $0.state != .deleted }
        summary.observers = observers.values.count { $0 != .deleted }
        for course in courses { summary.courses["\(course.state)", default: 0] += 1 }
        for user in users { summary.users["\(user.state)", default: 0] += 1 }
        var byState = [Int](repeating: 0, count: 8)
        for state in enrollments.values { byState[Int(state.rawValue)] += 1 }
        for (value, count) in byState.enumerated() where count > 0 {
            guard let state = CanvasObjectState(rawValue: UInt8(value)) else { continue }
            summary.enrollments["\(state)"] = count
        }
        return summary
    }
}
