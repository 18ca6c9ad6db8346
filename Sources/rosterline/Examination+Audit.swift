import Storage

extension Examination {
    /// Rows from the end that are looked at without being asked to.
    private static let auditTail: Int64 = 1000

    /// Whether the audit's chain holds.
    ///
    /// - Parameter whole: from the first row, however many there are.
    func audit(whole: Bool) async -> [Finding] {
        let remedy = "Run 'rosterline migrate' first; the schema's own line says whether it is needed."
        return await examine("audit", remedy: remedy) {
            try await cluster.withPool("doctor") { [try await Self.audit(AuditStore($0), whole: whole)] }
        }
    }

    /// What ``audit(whole:)`` finds in a store.
    static func audit(_ store: AuditStore, whole: Bool) async throws -> Finding {
        guard let head = try await store.head() else { return .well("audit", "nothing was done yet") }
        let first = whole ? 1 : max(1, head.seq - auditTail + 1)
        let verdict = try await store.verify(from: first)
        let unseen =
            first == 1 ? "" : "; rows 1 to \(first - 1) were not looked at: 'rosterline doctor --audit' checks all"
        guard verdict.broken == nil else {
            return .wrong(
                "audit", AuditWords.sentence(verdict),
                remedy: "Compare with the last export, and ask who may write to the database as its owner.")
        }
        return .well("audit", "rows \(first) to \(head.seq) fit; head \(head)\(unseen)")
    }
}
