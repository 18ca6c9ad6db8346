/// Accounts, terms, courses and sections.
extension CanvasRowImporter {
    mutating func applyAccount(_ row: Row, to roster: inout CanvasRoster) throws(Rejection) -> Bool {
        let id = try required(row, "account_id", "an account")
        var parent: Int?
        if let parentID = row["parent_account_id"] {
            guard let found = roster.accountNumbers[parentID] else {
                throw Rejection("Parent account didn't exist for \(id): \(parentID)")
            }
            guard roster.accounts[found].state != .deleted else {
                throw Rejection("Cannot restore sub_account with ID: \(id) because its parent is deleted")
            }
            parent = found
        }
        let existing = roster.accountNumbers[id]
        guard row["name"] != nil || existing != nil else { throw Rejection("No name given for account \(id)") }
        let state: CanvasObjectState
        if let existing, row["status"] == nil {
            state = roster.accounts[existing].state
        } else {
            state = try activeOrDeleted(row["status"], "account \(id)")
        }
        if let existing {
            try checkMove(of: existing, id: id, to: parent, state: state, in: roster)
            note(.account, from: roster.accounts[existing].state, to: state)
            roster.accounts[existing].state = state
            if row.has("parent_account_id") { roster.accounts[existing].parent = parent }
            if let name = row["name"] { roster.accounts[existing].name = name }
        } else {
            roster.accountNumbers[id] = roster.accounts.count
            roster.accounts.append(.init(sisID: id, name: row["name"] ?? id, parent: parent, state: state))
            note(.account, from: nil, to: state)
        }
        return true
    }

    private func checkMove(
        of account: Int, id: String, to parent: Int?, state: CanvasObjectState, in roster: CanvasRoster
    ) throws(Rejection) {
        var above = parent
        while let next = above {
            guard next != account else { throw Rejection("Setting the parent of account \(id) would make a loop") }
            above = roster.accounts[next].parent
        }
        guard state == .deleted, roster.accounts[account].state != .deleted else { return }
        guard !roster.accounts.contains(where: { $0.parent == account && $0.state != .deleted }) else {
            throw Rejection("Cannot delete the sub_account with ID: \(id) because it has active sub accounts.")
        }
        guard !roster.courses.contains(where: { $0.account == account && $0.state != .deleted }) else {
            throw Rejection("Cannot delete the sub_account with ID: \(id) because it has active courses.")
        }
    }

    mutating func applyTerm(_ row: Row, to roster: inout CanvasRoster) throws(Rejection) -> Bool {
        let id = try required(row, "term_id", "a term")
        let state = try activeOrDeleted(row["status"], "term \(id)")
        if let type = row["date_override_enrollment_type"] {
            let known = ["StudentEnrollment", "TeacherEnrollment", "TaEnrollment", "DesignerEnrollment"]
            guard known.contains(type) else { throw Rejection("Enrollment type \(type) not known for term \(id)") }
            guard roster.termNumbers[id] != nil else { throw Rejection("Term \(id) not found for its date override") }
            return true
        }
        let name = try required(row, "name", "term \(id)")
        if let existing = roster.termNumbers[id] {
            note(.term, from: roster.terms[existing].state, to: state)
            roster.terms[existing].state = state
            roster.terms[existing].name = name
        } else {
            roster.termNumbers[id] = roster.terms.count
            roster.terms.append(.init(sisID: id, name: name, state: state))
            note(.term, from: nil, to: state)
        }
        return true
    }

    mutating func applyCourse(_ row: Row, to roster: inout CanvasRoster) throws(Rejection) -> Bool {
        let id = try required(row, "course_id", "a course")
        let isFromAbstract = row["abstract_course_id"] != nil
        if !isFromAbstract {
            _ = try required(row, "short_name", "course \(id)")
            _ = try required(row, "long_name", "course \(id)")
        }
        let word = row["status"]?.lowercased() ?? ""
        guard ["active", "unpublished", "published", "completed", "deleted"].contains(word) else {
            throw Rejection("Improper status \"\(row["status"] ?? "")\" for course \(id)")
        }
        if row.has("course_format"), let format = row["course_format"]?.lowercased(),
            !["on_campus", "online", "blended", "not_set"].contains(format)
        {
            throw Rejection("Invalid course_format \"\(format)\" for course \(id)")
        }
        let account = try account(of: row, course: id, in: roster)
        let existing = roster.courseNumbers[id]
        if let number = account ?? existing.flatMap({ roster.courses[$0].account }),
            roster.accounts[number].state == .deleted, word != "deleted"
        {
            throw Rejection("Account of course \(id) is deleted")
        }
        let term = row["term_id"].flatMap { roster.termNumbers[$0] }
        let old = existing.map { roster.courses[$0].state }
        let state = CanvasRowImporter.courseState(word, from: old)
        let number = existing ?? roster.courses.count
        if existing == nil {
            roster.courseNumbers[id] = number
            roster.courses.append(.init(sisID: id, name: id, code: id, account: nil, term: nil, state: state))
        }
        note(.course, from: old, to: state)
        roster.courses[number].state = state
        if let code = row["short_name"] { roster.courses[number].code = code }
        if let name = row["long_name"] { roster.courses[number].name = name }
        if let account { roster.courses[number].account = account }
        if let term { roster.courses[number].term = term }
        return true
    }

    private func account(of row: Row, course: String, in roster: CanvasRoster) throws(Rejection) -> Int? {
        guard let wanted = row["account_id"] else { return nil }
        if let found = roster.accountNumbers[wanted] { return found }
        if let fallback = row["fallback_account_id"], let found = roster.accountNumbers[fallback] { return found }
        throw Rejection("Account not found \"\(wanted)\" for course \(course)")
    }

    /// What a status word makes of a course, depending on the state it was in.
    static func courseState(_ word: String, from old: CanvasObjectState?) -> CanvasObjectState {
        switch (word, old) {
        case ("deleted", _): .deleted
        case ("completed", _): .completed
        case ("published", _), (_, .completed), (_, .available): .available
        default: .claimed
        }
    }

    mutating func applySection(_ row: Row, to roster: inout CanvasRoster) throws(Rejection) -> Bool {
        let id = try required(row, "section_id", "a section")
        let courseID = try required(row, "course_id", "section \(id)")
        let state = try activeOrDeleted(row["status"], "section \(id)")
        let existing = roster.sectionNumbers[id]
        if state == .active || existing == nil { _ = try required(row, "name", "section \(id)") }
        guard let course = roster.courseNumbers[courseID] else {
            throw Rejection("Section \(id) references course \(courseID) which doesn't exist")
        }
        if let existing {
            note(.section, from: roster.sections[existing].state, to: state)
            if state == .deleted, roster.sections[existing].state != .deleted { emptyAtEnd(section: existing) }
            roster.sections[existing].state = state
            roster.sections[existing].course = course
            if let name = row["name"] { roster.sections[existing].name = name }
        } else {
            roster.sectionNumbers[id] = roster.sections.count
            roster.sections.append(.init(sisID: id, name: row["name"] ?? id, course: course, state: state))
            note(.section, from: nil, to: state)
        }
        return true
    }
}
