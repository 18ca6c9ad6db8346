/// The kinds of SIS CSV files, in the order in which Canvas tries their headers and processes their rows.
package enum CanvasCSVType: Int, Sendable, CaseIterable {
    case changeSISID
    case account
    case term
    case abstractCourse
    case course
    case section
    case crossListing
    case user
    case login
    case enrollment
    case admin
    case groupCategory
    case group
    case groupMembership
    case userObserver

    /// The name in `supplied_batches`.
    package var name: String {
        switch self {
        case .changeSISID: "change_sis_id"
        case .account: "account"
        case .term: "term"
        case .abstractCourse: "abstract_course"
        case .course: "course"
        case .section: "section"
        case .crossListing: "xlist"
        case .user: "user"
        case .login: "login"
        case .enrollment: "enrollment"
        case .admin: "admin"
        case .groupCategory: "group_category"
        case .group: "group"
        case .groupMembership: "group_membership"
        case .userObserver: "user_observer"
        }
    }

    /// The name in `counts`.
    package var countKey: String {
        switch self {
        case .groupCategory: "group_categories"
        default: "\(name)s"
        }
    }

    /// Whether rows of this type change the simulator's state; files of the others are recognised, and warned about.
    var isPlayed: Bool {
        switch self {
        case .account, .term, .course, .section, .user, .enrollment, .userObserver: true
        default: false
        }
    }

    /// The first type whose columns are all there; file names do not matter.
    ///
    /// - Parameter columns: The cells of the header row, trimmed and in lower case.
    static func detect(_ columns: Set<String>) -> CanvasCSVType? {
        allCases.first { $0.matches(columns) }
    }

    private func matches(_ columns: Set<String>) -> Bool {
        func has(_ names: String...) -> Bool { names.allSatisfy(columns.contains) }
        let existing = ["existing_user_id", "existing_integration_id", "existing_canvas_user_id"]
        return switch self {
        case .changeSISID: has("old_id") || has("old_integration_id")
        case .account: has("account_id", "parent_account_id")
        case .term: has("term_id", "name")
        case .abstractCourse: has("abstract_course_id", "short_name") && !has("course_id")
        case .course: has("course_id", "short_name")
        case .section: has("section_id", "name")
        case .crossListing: has("xlist_course_id", "section_id")
        case .user: has("user_id", "login_id") && columns.isDisjoint(with: existing)
        case .login: !columns.isDisjoint(with: existing)
        case .enrollment: (has("section_id") || has("course_id")) && (has("user_id") || has("user_integration_id"))
        case .admin: has("user_id", "account_id")
        case .groupCategory: has("group_category_id", "category_name")
        case .group: has("group_id", "name")
        case .groupMembership: has("group_id", "user_id")
        case .userObserver: has("observer_id", "student_id")
        }
    }
}
