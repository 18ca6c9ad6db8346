/// What the audit says of a thing with named values that was stored anew: only those that differ.
package struct AuditDifference: Sendable, Hashable {
    /// Nil where the thing was not there before.
    package let before: [String: String]?
    /// Lacks what was taken away.
    package let after: [String: String]

    /// - Parameter old: nil where the thing was not there before.
    /// - Returns: nil if nothing differs.
    package init?(from old: [String: String]?, to new: [String: String]) {
        guard let old else {
            before = nil
            after = new
            return
        }
        guard old != new else { return nil }
        before = old.filter { new[$0.key] != $0.value }
        after = new.filter { old[$0.key] != $0.value }
    }
}
