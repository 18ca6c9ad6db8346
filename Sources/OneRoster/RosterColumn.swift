/// The columns that a conversion reads, over all tables; each raw value is the standard's spelling.
package enum RosterColumn: String, Sendable, CaseIterable {
    case sourcedId
    case status
    case dateLastModified
    case name
    case title
    case type
    case parentSourcedId
    case startDate
    case endDate
    case schoolYear
    case courseCode
    case orgSourcedId
    case courseSourcedId
    case classCode
    case classType
    case schoolSourcedId
    case termSourcedIds
    case enabledUser
    case orgSourcedIds
    case role
    case username
    case givenName
    case familyName
    case email
    case agentSourcedIds
    case preferredGivenName
    case preferredFamilyName
    case primaryOrgSourcedId
    case pronouns
    case userSourcedId
    case roleType
    case beginDate
    case classSourcedId
    case primary
    case relationshipUserSourcedId
    case relationshipRole
}

/// What is known of a table's columns: order, which are needed, and the other names they go by.
package struct RosterTableShape: Sendable {
    /// The standard's columns in order, those that no conversion reads among them.
    package let order: [String]

    /// Columns without which the table means nothing.
    package let essential: [RosterColumn]

    /// Columns that the standard requires beyond these; the conversion can do without.
    package let expected: [RosterColumn]

    /// Other names seen in real sets, in lower case.
    package let aliases: [String: RosterColumn]

    /// The shape of a table; nil for tables that no conversion reads.
    package static func of(_ kind: RosterTableKind) -> RosterTableShape? { shapes[kind] }

    private init(
        _ order: String, essential: [RosterColumn], expected: [RosterColumn] = [], aliases: [String: RosterColumn] = [:]
    ) {
        self.order = ["sourcedId", "status", "dateLastModified"] + order.split(separator: " ").map(String.init)
        self.essential = essential
        self.expected = expected
        let everywhere: [String: RosterColumn] = ["datalastmodified": .dateLastModified, "id": .sourcedId]
        self.aliases = everywhere.merging(aliases) { _, own in own }
    }

    private static let shapes: [RosterTableKind: RosterTableShape] = [
        .orgs: RosterTableShape(
            "name type identifier parentSourcedId",
            essential: [.sourcedId, .name], expected: [.type]),
        .academicSessions: RosterTableShape(
            "title type startDate endDate parentSourcedId schoolYear",
            essential: [.sourcedId, .title], expected: [.type, .startDate, .endDate, .schoolYear]),
        .courses: RosterTableShape(
            "schoolYearSourcedId title courseCode grades orgSourcedId subjects subjectCodes",
            essential: [.sourcedId], expected: [.title, .orgSourcedId],
            aliases: ["code": .courseCode]),
        .classes: RosterTableShape(
            "title grades courseSourcedId classCode classType location schoolSourcedId termSourcedIds subjects "
                + "subjectCodes periods",
            essential: [.sourcedId, .title],
            expected: [.courseSourcedId, .classType, .schoolSourcedId, .termSourcedIds],
            aliases: [
                "sessionsourcedids": .termSourcedIds, "termsourcedid": .termSourcedIds, "code": .classCode,
                "orgsourcedid": .schoolSourcedId,
            ]),
        .users: RosterTableShape(
            "enabledUser orgSourcedIds role username userIds givenName familyName middleName identifier email sms "
                + "phone agentSourcedIds grades password userMasterIdentifier resourceSourcedIds preferredGivenName "
                + "preferredMiddleName preferredFamilyName primaryOrgSourcedId pronouns",
            essential: [.sourcedId], expected: [.enabledUser, .username, .givenName, .familyName],
            aliases: [
                "prefferedgivenname": .preferredGivenName, "prefferedfamilyname": .preferredFamilyName,
                "agents": .agentSourcedIds, "orgs": .orgSourcedIds, "orgsourcedid": .orgSourcedIds,
            ]),
        .roles: RosterTableShape(
            "userSourcedId roleType role beginDate endDate orgSourcedId userProfileSourcedId",
            essential: [.userSourcedId, .role], expected: [.roleType, .orgSourcedId],
            aliases: [
                "isprimary": .roleType, "rolestartdate": .beginDate, "roleenddate": .endDate, "userid": .userSourcedId,
            ]),
        .enrollments: RosterTableShape(
            "classSourcedId schoolSourcedId userSourcedId role primary beginDate endDate",
            essential: [.classSourcedId, .userSourcedId, .role], expected: [.sourcedId],
            aliases: [
                "userid": .userSourcedId, "classid": .classSourcedId, "sectionsourcedid": .classSourcedId,
                "isprimary": .primary, "startdate": .beginDate,
            ]),
        .relationships: RosterTableShape(
            "userSourcedId relationshipUserSourcedId relationshipRole",
            essential: [.userSourcedId, .relationshipUserSourcedId, .relationshipRole]),
    ]
}
