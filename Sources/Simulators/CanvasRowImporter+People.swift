/// Users, enrolments and the links between observers and students.
extension CanvasRowImporter {
    mutating func applyUser(_ row: Row, file: String, to roster: inout CanvasRoster) throws(Rejection) -> Bool {
        let id = try required(row, "user_id", "a user")
        let login = try required(row, "login_id", "user \(id)")
        let state = try userState(row["status"], user: id)
        if (0..<row.reader.fieldCount).contains(where: { row.reader.rawField($0).utf8.contains(0) }) {
            throw Rejection("Null bytes are not allowed for user \(id)")
        }
        let existing = roster.userNumbers[id]
        let key = login.lowercased()
        if let holder = roster.loginHolders[key], holder != existing {
            if options.updateSISIDIfLoginClaimed, existing == nil {
                rekey(holder, to: id, in: &roster)
            } else {
                throw Rejection("User \(roster.users[holder].sisID) has already claimed \(id)'s requested login")
            }
        }
        let number = roster.userNumbers[id] ?? roster.users.count
        let old = number < roster.users.count ? roster.users[number].state : nil
        if old == .deleted, state == .deleted { return false }
        if old == nil {
            roster.userNumbers[id] = number
            roster.users.append(.init(sisID: id, login: login, name: login, email: nil, state: state))
        }
        note(.login, from: old, to: state)
        roster.users[number].state = state
        roster.loginHolders[roster.users[number].login.lowercased()] = nil
        roster.users[number].login = login
        if state == .deleted { unenrolAtEnd(user: number) } else { roster.loginHolders[key] = number }
        roster.users[number].name = name(in: row, previous: old == nil ? nil : roster.users[number].name, login: login)
        return applyEmail(row, file: file, user: number, was: old, is: state, to: &roster)
    }

    private func userState(_ status: String?, user: String) throws(Rejection) -> CanvasObjectState {
        let word = status?.lowercased() ?? ""
        if word == "deleted" { return .deleted }
        if word == "suspended" { return .suspended }
        // What merely begins like one of the three counts as active.
        if ["active", "deleted", "suspended"].contains(where: word.hasPrefix) { return .active }
        throw Rejection("Improper status for user \(user)")
    }

    private func rekey(_ user: Int, to id: String, in roster: inout CanvasRoster) {
        roster.userNumbers[roster.users[user].sisID] = nil
        roster.users[user].sisID = id
        roster.userNumbers[id] = user
    }

    private func name(in row: Row, previous: String?, login: String) -> String {
        if let full = row["full_name"] { return full }
        let parts = [row["first_name"], row["last_name"]].compactMap { $0 }
        if !parts.isEmpty { return parts.joined(separator: " ") }
        return previous ?? row["sortable_name"] ?? row["short_name"] ?? login
    }

    /// - Returns: Whether the row is counted: with an invalid address the user is saved, but the row is not.
    private mutating func applyEmail(
        _ row: Row, file: String, user: Int, was old: CanvasObjectState?, is state: CanvasObjectState,
        to roster: inout CanvasRoster
    ) -> Bool {
        let before = roster.users[user].email
        guard let email = row["email"] else {
            if state == .deleted, before != nil, old != .deleted { note(.channel, from: .active, to: .deleted) }
            return true
        }
        guard CanvasRowImporter.isEmail(email) else {
            warn("The email address of user \(roster.users[user].sisID) is not valid", file: file, row: row.reader.row)
            return false
        }
        roster.users[user].email = email
        let channelBefore: CanvasObjectState? = before == nil ? nil : (old == .deleted ? .deleted : .active)
        note(.channel, from: channelBefore, to: state == .deleted ? .deleted : .active)
        return true
    }

    static func isEmail(_ text: String) -> Bool {
        let halves = text.split(separator: "@", omittingEmptySubsequences: false)
        return halves.count == 2 && !halves[0].isEmpty && halves[1].contains(".") && !text.contains(" ")
            && !halves[1].hasPrefix(".") && !halves[1].hasSuffix(".")
    }

    mutating func applyEnrollment(_ row: Row, file: String, to roster: inout CanvasRoster) throws(Rejection) -> Bool {
        guard row["course_id"] != nil || row["section_id"] != nil else {
            throw Rejection("No course_id or section_id given for an enrollment")
        }
        guard let userID = row["user_id"] else { throw Rejection("No user_id given for an enrollment") }
        let state = try enrollmentState(row["status"], user: userID)
        guard let user = roster.userNumbers[userID] else {
            throw Rejection("User not found for enrollment (User ID: \(userID))")
        }
        let section = try section(of: row, user: userID, in: &roster)
        guard let word = row["role"] else { throw Rejection("No role given for the enrollment of user \(userID)") }
        guard let role = CanvasRoster.Role(word) else {
            throw Rejection("Improper role \"\(word)\" for the enrollment of user \(userID)")
        }
        var associated = UInt32.max
        if role == .observer, let other = row["associated_user_id"] {
            guard let found = roster.userNumbers[other] else {
                throw Rejection("An enrollment referenced a non-existent associated user \(other)")
            }
            associated = UInt32(found)
        }
        guard roster.sections[section].state != .deleted || state == .deleted else {
            throw Rejection("The section of the enrollment of user \(userID) is deleted")
        }
        let key = CanvasRoster.EnrollmentKey(
            section: UInt32(section), user: UInt32(user), associated: associated, role: role)
        if roster.users[user].state == .deleted, state != .deleted {
            setEnrollment(key, to: .deleted, in: &roster)
            throw Rejection("Attempted enrolling of deleted user \(userID)")
        }
        checkDates(row, file: file, "the enrollment of user \(userID)")
        if state == .deleted, roster.enrollments[key] != nil {
            deleteAtEnd(key)
        } else {
            setEnrollment(key, to: state, in: &roster)
        }
        return true
    }

    private func enrollmentState(_ status: String?, user: String) throws(Rejection) -> CanvasObjectState {
        let word = status?.lowercased() ?? ""
        if word.hasPrefix("active") { return .active }
        if word.hasPrefix("completed") { return .completed }
        if word.hasPrefix("inactive") { return .inactive }
        if word.hasPrefix("deleted") { return .deleted }
        throw Rejection("Improper status \"\(status ?? "")\" for the enrollment of user \(user)")
    }

    private mutating func section(
        of row: Row, user: String, in roster: inout CanvasRoster
    ) throws(Rejection) -> Int {
        var course: Int?
        if let courseID = row["course_id"] {
            course = roster.courseNumbers[courseID]
            if course == nil, row["section_id"] == nil {
                throw Rejection("Course not found for enrollment (User ID: \(user), Course ID: \(courseID))")
            }
        }
        guard let sectionID = row["section_id"] else {
            guard let course else { throw Rejection("Neither course nor section existed for user \(user)") }
            return defaultSection(of: course, in: &roster)
        }
        guard let section = roster.sectionNumbers[sectionID] else {
            throw Rejection("Section not found for enrollment (User ID: \(user), Section ID: \(sectionID))")
        }
        if let courseID = row["course_id"], roster.sections[section].course != course {
            throw Rejection("Section \(sectionID) is not in course \(courseID), enrollment of user \(user)")
        }
        return section
    }

    private mutating func defaultSection(of course: Int, in roster: inout CanvasRoster) -> Int {
        if let section = roster.courses[course].defaultSection { return section }
        let section = roster.sections.count
        roster.sections.append(.init(sisID: nil, name: roster.courses[course].name, course: course))
        roster.courses[course].defaultSection = section
        note(.section, from: nil, to: .active)
        return section
    }

    mutating func applyObserver(_ row: Row, to roster: inout CanvasRoster) throws(Rejection) -> Bool {
        let observerID = try required(row, "observer_id", "a user observer")
        let studentID = try required(row, "student_id", "observer \(observerID)")
        guard observerID != studentID else { throw Rejection("User \(observerID) cannot observe themselves") }
        guard let word = row["status"]?.lowercased(), word == "active" || word == "deleted" else {
            throw Rejection("Improper status \"\(row["status"] ?? "")\" for a user_observer")
        }
        guard let observer = roster.userNumbers[observerID] else {
            throw Rejection("An observer referenced a non-existent user \(observerID)")
        }
        guard let student = roster.userNumbers[studentID] else {
            throw Rejection("A student referenced a non-existent user \(studentID)")
        }
        let link = CanvasRoster.ObserverLink(observer: UInt32(observer), student: UInt32(student))
        let old = roster.observers[link]
        let state: CanvasObjectState = word == "active" ? .active : .deleted
        guard state == .active || old == .active else {
            throw Rejection("Can't delete a non-existent observer for observer: \(observerID), student: \(studentID)")
        }
        roster.observers[link] = state
        note(.observer, from: old, to: state)
        return true
    }
}
