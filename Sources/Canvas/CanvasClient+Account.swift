import HTTPTypes

extension CanvasClient {
    /// Whose token it is.
    /// - Throws: `.unauthorized` if it is nobody's.
    package func currentUser() async throws(CanvasError) -> CanvasUser {
        let operation = "read own user"
        let (json, head) = try await json(.get, "/api/v1/users/self", operation: operation)
        guard let user = CanvasUser(json) else { throw unreadable(operation, head, "no user") }
        return user
    }

    /// The configured account.
    package func account() async throws(CanvasError) -> CanvasAccount {
        let operation = "read account"
        let (json, head) = try await json(.get, accountPath, operation: operation)
        guard let account = CanvasAccount(json) else { throw unreadable(operation, head, "no account") }
        return account
    }

    /// What the token's owner may do in the account.
    /// - Parameter names: Canvas's names; default those that SIS imports need.
    /// - Returns: a value for each name Canvas knows.
    package func permissions(
        _ names: [String] = ["import_sis", "manage_sis"]
    ) async throws(CanvasError) -> [String: Bool] {
        let query = names.map { "permissions%5B%5D=\($0.percentEncoded)" }.joined(separator: "&")
        let (json, _) = try await json(.get, "\(accountPath)/permissions?\(query)", operation: "read permissions")
        return json.members.compactMapValues(\.bool)
    }
}

/// A person in Canvas, as far as `doctor` shows it.
package struct CanvasUser: Sendable, Equatable {
    package let id: String
    package let name: String

    init?(_ json: JSONValue) {
        guard let id = json["id"].text else { return nil }
        self.id = id
        name = json["name"].text ?? id
    }
}

/// An account in Canvas.
package struct CanvasAccount: Sendable, Equatable {
    package let id: String
    package let name: String
    /// nil = this is a root account, where SIS imports are possible.
    package let rootAccountID: String?

    package var isRoot: Bool { rootAccountID == nil }

    init?(_ json: JSONValue) {
        guard let id = json["id"].text else { return nil }
        self.id = id
        name = json["name"].text ?? id
        rootAccountID = json["root_account_id"].text
    }
}
