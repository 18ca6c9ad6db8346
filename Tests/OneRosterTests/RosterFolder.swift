import Foundation

/// A folder made for one test, with files from text.
final class RosterFolder {
    let path: String

    init(_ files: [String: String] = [:]) throws {
        path = FileManager.default.temporaryDirectory.path + "/roster-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path + "/out", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: path + "/in", withIntermediateDirectories: true)
        for (name, text) in files { try write(Data(text.utf8), name) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    var input: String { path + "/in" }
    var output: String { path + "/out" }

    func write(_ data: Data, _ name: String) throws {
        let url = URL(fileURLWithPath: input + "/" + name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
    }
}

/// A small set that is right in every way.
enum SmallRoster {
    static let manifest = """
        propertyName,value
        manifest.version,1.0
        oneroster.version,1.1
        file.academicSessions,bulk
        file.orgs,bulk
        file.courses,bulk
        file.classes,bulk
        file.users,bulk
        file.enrollments,bulk

        """
    static let orgs = """
        sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId
        d1,,,District,district,,
        s1,,,North School,school,,d1

        """
    static let users = """
        sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName
        u1,,,true,s1,student,ana,,Ana,"Lee, Jr"
        u2,,,true,s1,teacher,bob,,Bob,Ray

        """
    static let files = ["manifest.csv": manifest, "orgs.csv": orgs, "users.csv": users]
}
