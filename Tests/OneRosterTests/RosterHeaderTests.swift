import OneRoster
import Testing

@Suite(.timeLimit(.minutes(5)))
struct RosterHeaderTests {
    @Test func `aliases of near relatives are understood`() throws {
        let header = try RosterHeader(
            kind: .classes, names: ["sourcedId", "orgSourcedId", "title", "sessionSourcedIds", "courseSourcedId"],
            file: "classes.csv")
        #expect(header.position(of: .schoolSourcedId) == 1)
        #expect(header.position(of: .termSourcedIds) == 3)
        #expect(header.position(of: .classCode) == -1)
        #expect(header.issues.contains { $0.code == .headerAlias && $0.field == "orgSourcedId" })
    }

    @Test func `names are read through blanks and invisible characters`() throws {
        let header = try RosterHeader(
            kind: .orgs, names: ["\u{FEFF} sourcedId", "name\u{200B}\u{00A0}", "type "], file: "orgs.csv")
        #expect(header.has(.sourcedId) && header.has(.name) && header.has(.type))
    }

    @Test func `order and doubles are told`() throws {
        let header = try RosterHeader(kind: .orgs, names: ["name", "sourcedId", "type", "name"], file: "orgs.csv")
        #expect(Set(header.issues.map(\.code)) == [.headerOrder, .headerDuplicate])
        #expect(header.position(of: .name) == 0)
    }

    @Test func `raw values of codes are unique and in groups`() {
        let values = RosterIssueCode.allCases.map(\.rawValue)
        #expect(Set(values).count == values.count)
        #expect(values.allSatisfy { $0.split(separator: ".").count == 2 })
    }
}
