internal import CSV

/// One enrolment while it waits to be written: 24 bytes, and no more, since there may be many millions.
struct EnrollmentRecord {
    /// The class's place in the order of ids (its number until all are read).
    var classRank: UInt32
    /// The user's, likewise.
    var userRank: UInt32
    /// The row in `enrollments.csv`.
    var row: UInt32
    /// First day, or `noDay`.
    var begin: Int32
    /// The field `endDate`, or `noDay`.
    var end: Int32
    /// Canvas's role and what else the row says.
    var role: CanvasRole
    var isDeleted: Bool
    var isPrimary: Bool

    /// Stands for no date.
    static let noDay = Int32.min

    var beginDay: CalendarDay? { begin == Self.noDay ? nil : CalendarDay(number: begin) }
    var endDay: CalendarDay? { end == Self.noDay ? nil : CalendarDay(number: end) }

    /// Class before user, as one number.
    var key: UInt64 { UInt64(classRank) << 32 | UInt64(userRank) }

    /// The order of output; the row makes it total, so that equal input gives equal bytes.
    static func precedes(_ left: EnrollmentRecord, _ right: EnrollmentRecord) -> Bool {
        if left.key != right.key { return left.key < right.key }
        if left.role.rawValue != right.role.rawValue { return left.role.rawValue < right.role.rawValue }
        return left.row < right.row
    }
}

/// The roles that the conversion writes.
enum CanvasRole: UInt8 {
    case student
    case teacher
    case ta
    case designer

    init?(_ role: ConversionRules.EnrollmentRole) {
        switch role {
        case .student: self = .student
        case .teacher: self = .teacher
        case .ta: self = .ta
        case .designer: self = .designer
        case .dropped: return nil
        }
    }

    var text: StaticString {
        switch self {
        case .student: "student"
        case .teacher: "teacher"
        case .ta: "ta"
        case .designer: "designer"
        }
    }
}
