/// The tables of OneRoster and of its near relative, School Data Sync.
package enum RosterTableKind: String, Sendable, Codable, CaseIterable {
    case orgs
    case academicSessions
    case courses
    case classes
    case users
    case roles
    case enrollments
    case relationships
    case demographics
    case userProfiles
    case userResources
    case userFlags
    case resources
    case classResources
    case courseResources
    case categories
    case lineItems
    case results
    case scoreScales
    case lineItemScoreScales
    case resultScoreScales
    case lineItemLearningObjectiveIds
    case resultLearningObjectiveIds

    /// The file's name in the standard's spelling.
    package var fileName: String { "\(rawValue).csv" }

    /// Whether its rows have a place in Canvas's SIS files. The others are never copied: what is not needed is not
    /// kept.
    package var isConverted: Bool {
        switch self {
        case .orgs, .academicSessions, .courses, .classes, .users, .roles, .enrollments, .relationships: true
        default: false
        }
    }

    /// Whether the standard has it, so that a manifest must name it; the two of School Data Sync it has not.
    package var isStandard: Bool { self != .relationships && self != .userFlags }

    /// Finds the kind by a file name in any letter case, with the standard's own misprints.
    package init?(fileName: String) {
        let folded = fileName.lowercased()
        if folded == "courseresourses.csv" {
            self = .courseResources
            return
        }
        guard let kind = Self.allCases.first(where: { $0.fileName.lowercased() == folded }) else { return nil }
        self = kind
    }
}
