/// How many objects changed their state in one import; a change of a name or a parent counts nowhere.
package struct CanvasStatistics: Sendable, Equatable {
    /// The kinds of objects that are counted, in the order in which Canvas lists them.
    package enum Kind: String, Sendable, CaseIterable {
        case account = "Account"
        case term = "EnrollmentTerm"
        case abstractCourse = "AbstractCourse"
        case course = "Course"
        case section = "CourseSection"
        case groupCategory = "GroupCategory"
        case group = "Group"
        case login = "Pseudonym"
        case channel = "CommunicationChannel"
        case enrollment = "Enrollment"
        case groupMembership = "GroupMembership"
        case observer = "UserObserver"
        case admin = "AccountUser"

        /// The buckets that Canvas shows for the kind.
        package var buckets: [Bucket] {
            switch self {
            case .course: [.created, .restored, .deleted, .concluded]
            case .enrollment: [.created, .restored, .deleted, .concluded, .deactivated]
            default: [.created, .restored, .deleted]
            }
        }
    }

    /// What kind of change a transition is.
    package enum Bucket: String, Sendable, CaseIterable {
        case created
        case restored
        case deleted
        case concluded
        case deactivated
    }

    private var counts: [Kind: [Bucket: Int]] = [:]
    /// Every transition, also those that belong into no bucket.
    package private(set) var totalStateChanges = 0

    package init() {}

    /// How often a kind of object made a kind of change.
    package func count(_ kind: Kind, _ bucket: Bucket) -> Int { counts[kind]?[bucket] ?? 0 }

    /// Notes that an object went from one state to another; nothing = it did not exist.
    mutating func note(_ kind: Kind, from old: CanvasObjectState?, to new: CanvasObjectState) {
        guard old != new else { return }
        totalStateChanges += 1
        let bucket: Bucket
        switch new {
        case .deleted: bucket = .deleted
        case .completed: bucket = .concluded
        case .inactive: bucket = .deactivated
        case .active, .claimed, .available:
            switch old {
            case nil: bucket = .created
            case .deleted, .completed, .inactive: bucket = .restored
            // Claimed to available, active to suspended and back: transitions without a bucket.
            case .active, .claimed, .available, .suspended: return
            }
        case .suspended: return
        }
        counts[kind, default: [:]][bucket, default: 0] += 1
    }
}

/// The states of the objects that imports create, in one small number.
enum CanvasObjectState: UInt8, Sendable {
    case active
    /// A course that is not published.
    case claimed
    /// A course that is published.
    case available
    case completed
    case inactive
    case suspended
    case deleted
}
