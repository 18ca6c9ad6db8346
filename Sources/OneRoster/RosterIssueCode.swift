/// What can be said about a package, a table, a row or a value. The raw values are stable: people filter and alert on
/// them.
package enum RosterIssueCode: String, Sendable, CaseIterable, Codable {
    // The package.

    /// A file has not the standard's name: other letter case, or a name of its own over a table's columns. It is read.
    case packageFileName = "package.file_name"
    /// The files lie in a folder of the zip instead of at its top.
    case packageNested = "package.nested"
    /// A file is no table of the standard; it is not read.
    case packageUnknownFile = "package.unknown_file"
    /// A table is there more than once; the first is read.
    case packageDuplicateFile = "package.duplicate_file"
    /// A table has no rows.
    case packageEmptyType = "package.empty_type"
    /// A table is of the standard but has no place in Canvas; its rows are not read.
    case packageUnusedTable = "package.unused_table"

    // The manifest.

    /// There is no manifest.
    case manifestMissing = "manifest.missing"
    /// The manifest is no two-column table, or names an unknown version.
    case manifestVersion = "manifest.version"
    /// The manifest announces a table that is not there. Nothing of this type may be deleted.
    case manifestFileMissing = "manifest.file_missing"
    /// A table is there that the manifest calls absent or does not name; it is read all the same.
    case manifestFileUnexpected = "manifest.file_unexpected"
    /// A mode is none of absent, bulk, delta.
    case manifestInvalidMode = "manifest.invalid_mode"
    /// A property is there twice; the first counts.
    case manifestDuplicateProperty = "manifest.duplicate_property"

    // Headers.

    /// A column has a name that is known as another name of a standard column.
    case headerAlias = "header.alias"
    /// A column's name is in another letter case.
    case headerCase = "header.case"
    /// Columns are not in the standard's order.
    case headerOrder = "header.order"
    /// A column is none of the standard's; it is not read.
    case headerUnknown = "header.unknown"
    /// A column has no name.
    case headerBlank = "header.blank"
    /// A column is there twice; the first is read.
    case headerDuplicate = "header.duplicate"
    /// A column that the standard requires is missing, but the table can be read without it.
    case headerMissing = "header.missing"

    // Rows.

    /// A row is shorter or longer than its header.
    case rowWidth = "row.width"
    /// A bulk row has a status.
    case rowForbiddenInBulk = "row.forbidden_in_bulk"
    /// A delta row has no status; it counts as active.
    case rowRequiredInDelta = "row.required_in_delta"
    /// An unquoted field holds a quote; it is kept as it stands.
    case rowStrayQuote = "row.stray_quote"
    /// A row holds a NUL, which Canvas refuses.
    case rowNUL = "row.nul"

    // Values.

    /// A value that the row cannot do without is blank.
    case valueRequired = "value.required"
    /// A boolean is neither `true` nor `false` but can be understood.
    case valueBooleanForm = "value.boolean_form"
    /// A word of the vocabulary is in another letter case.
    case valueEnumCase = "value.enum_case"
    /// A word is not of the vocabulary.
    case valueEnumUnknown = "value.enum_unknown"
    /// A date is in another form, but can be understood.
    case valueDateForm = "value.date_form"
    /// A date cannot be understood; it counts as blank.
    case valueDateAmbiguous = "value.date_ambiguous"
    /// An id holds letters that the standard does not allow, or is longer than 255 bytes; it is kept.
    case valueGUIDForm = "value.guid_form"

    /// An e-mail address has not the form of one; it is left blank.
    case valueEmailForm = "value.email_form"

    // References.

    /// The organisation is not in the package.
    case refOrgMissing = "ref.org_missing"
    /// The course is not in the package; the class goes on with its own fields.
    case refCourseMissing = "ref.course_missing"
    /// The class is not in the package.
    case refClassMissing = "ref.class_missing"
    /// The user is not in the package.
    case refUserMissing = "ref.user_missing"
    /// The academic session is not in the package.
    case refSessionMissing = "ref.session_missing"
    /// The target is marked to be deleted, and the row follows it.
    case refTargetDeleted = "ref.target_deleted"

    // Identity.

    /// An id is there more than once.
    case idDuplicate = "id.duplicate"
    /// Two ids differ in letter case only.
    case idCaseVariant = "id.case_variant"
    /// A user has no login.
    case loginBlank = "login.blank"
    /// Two users have the same login; the lower id keeps it.
    case loginDuplicate = "login.duplicate"
    /// A login holds a blank.
    case loginHasSpace = "login.has_space"

    // Organisations and sessions.

    /// Organisations are each other's parents; the circle is cut at the lowest id.
    case orgCycle = "org.cycle"
    /// An organisation's parent is missing; it is attached to the root.
    case orgOrphan = "org.orphan"
    /// An organisation's type is unknown.
    case orgTypeUnknown = "org.type_unknown"
    /// An organisation gives no Canvas account, by rule.
    case orgNotExported = "org.not_exported"
    /// An organisation is marked to be deleted; accounts are never deleted automatically.
    case orgDeleteKept = "org.delete_kept"
    /// Sessions are each other's parents; the circle is cut at the lowest id.
    case sessionCycle = "session.cycle"
    /// A session ends before it starts; it is written without dates.
    case sessionEndBeforeStart = "session.end_before_start"
    /// A session gives no Canvas term, by rule.
    case sessionNotExported = "session.not_exported"
    /// A session is marked to be deleted but an active class uses it; it is kept.
    case sessionDeleteKept = "session.delete_kept"

    // Courses and classes.

    /// No class uses the course, so it gives nothing in Canvas.
    case courseUnused = "course.unused"
    /// A class has no session that can be a term; Canvas puts it into its default term.
    case classNoTerm = "class.no_term"
    /// A class has several sessions; one term was chosen.
    case classManyTerms = "class.many_terms"
    /// The rules leave this kind of class out, such as homerooms.
    case classNotExported = "class.not_exported"
    /// No teacher is enrolled in the class.
    case classNoTeacher = "class.no_teacher"
    /// No student is enrolled in the class.
    case classNoStudent = "class.no_student"

    // Users.

    /// No role is known for the user; the account is written without a declared type.
    case userNoRole = "user.no_role"
    /// A user has several primary roles; the first of the order counts.
    case userSeveralPrimaryRoles = "user.several_primary_roles"
    /// The rules leave this kind of user out, such as guardians while observers are off.
    case userNotExported = "user.not_exported"
    /// The rules ask for enrolled users only and this one is not enrolled.
    case userNotEnrolled = "user.not_enrolled"

    // Enrolments.

    /// Several rows for the same user, class and role.
    case enrollmentDuplicate = "enrollment.duplicate"
    /// A user is student and teacher of the same class; teacher counts.
    case enrollmentRoleConflict = "enrollment.role_conflict"
    /// A class has several primary teachers; all are kept.
    case enrollmentSeveralPrimary = "enrollment.several_primary"
    /// The rules leave this role out.
    case enrollmentRoleNotExported = "enrollment.role_not_exported"
    /// The user is in the package but was not exported.
    case enrollmentUserNotExported = "enrollment.user_not_exported"
    /// The enrolment ends before it begins; its dates are dropped.
    case enrollmentEndBeforeBegin = "enrollment.end_before_begin"
    /// The enrolment begins later and has no end, so Canvas could not hide it; it is written on its day.
    case enrollmentNotStarted = "enrollment.not_started"

    // Observers.

    /// A pair of observer and student cannot be written.
    case observerNotExported = "observer.not_exported"
}
