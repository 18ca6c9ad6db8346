internal import CSV

/// The state of a record as its `status` says it.
enum StatusWord: Equatable {
    case blank
    case active
    case toBeDeleted
    case unknown

    /// Reads a trimmed field; `isExact` is false for another letter case or the old word `inactive`.
    static func read(_ field: ByteView) -> (word: StatusWord, isExact: Bool) {
        if field.isEmpty { return (.blank, true) }
        if field.equals("active") { return (.active, true) }
        if field.equals("tobedeleted") { return (.toBeDeleted, true) }
        if field.equalsFolded("active") { return (.active, false) }
        if field.equalsFolded("tobedeleted") || field.equalsFolded("inactive") { return (.toBeDeleted, false) }
        return (.unknown, false)
    }
}

/// A yes or no.
enum BooleanWord: Equatable {
    case blank
    case yes
    case no
    case unknown

    static func read(_ field: ByteView) -> (word: BooleanWord, isExact: Bool) {
        if field.isEmpty { return (.blank, true) }
        if field.equals("true") { return (.yes, true) }
        if field.equals("false") { return (.no, true) }
        if field.equalsFolded("true") || field.equals("1") || field.equalsFolded("yes") || field.equalsFolded("y") {
            return (.yes, false)
        }
        if field.equalsFolded("false") || field.equals("0") || field.equalsFolded("no") || field.equalsFolded("n") {
            return (.no, false)
        }
        return (.unknown, false)
    }
}

/// The roles of both versions of the standard.
enum RoleWord: UInt8, CaseIterable {
    case none
    case student
    case teacher
    case aide
    case proctor
    case administrator
    case guardian

    /// Reads a trimmed field, through the map for words beyond the standard's.
    ///
    /// - Returns: nil for a word that neither the standard nor the map knows.
    static func read(_ field: ByteView, map: [String: String]) -> (word: RoleWord, form: Form)? {
        if field.isEmpty { return (RoleWord.none, .exact) }
        if field.equals("student") { return (.student, .exact) }
        if field.equals("teacher") { return (.teacher, .exact) }
        let text = field.string
        if let word = standard[text] { return (word, .exact) }
        let folded = text.lowercased()
        if let word = foldedStandard[folded] { return (word, .otherCase) }
        if let mapped = map[folded], let word = foldedStandard[mapped.lowercased()] { return (word, .mapped) }
        return nil
    }

    /// How near to the standard the word was.
    enum Form {
        case exact
        case otherCase
        case mapped
    }

    private static let standard: [String: RoleWord] = [
        "student": .student, "teacher": .teacher, "aide": .aide, "proctor": .proctor, "administrator": .administrator,
        "districtAdministrator": .administrator, "siteAdministrator": .administrator,
        "systemAdministrator": .administrator, "principal": .administrator, "counselor": .administrator,
        "guardian": .guardian, "parent": .guardian, "relative": .guardian,
    ]

    private static let foldedStandard = Dictionary(
        standard.map { ($0.key.lowercased(), $0.value) }, uniquingKeysWith: { first, _ in first })

    /// Canvas's `declared_user_type`; empty if unknown.
    var declaredUserType: StaticString {
        switch self {
        case .none: ""
        case .student: "student"
        case .teacher: "teacher"
        case .aide, .proctor: "staff"
        case .administrator: "administrative"
        case .guardian: "observer"
        }
    }

    /// Which of a user's roles says most about the account; more is stronger.
    var rank: UInt8 {
        switch self {
        case .none: 0
        case .guardian: 1
        case .proctor: 2
        case .aide: 3
        case .administrator: 4
        case .student: 5
        case .teacher: 6
        }
    }

    /// Whether the user works at the school.
    var isStaff: Bool { self == .teacher || self == .aide || self == .proctor || self == .administrator }
}
