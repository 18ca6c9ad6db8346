import Jobs
import Storage

/// Values of `audit.html`.
struct AuditPage: Sendable {
    struct Row: Sendable {
        let seq: Int64
        let at: ZonedTime
        let actor: String
        let action: String
        let subject: String
        let href: String?
        let before: String?
        let after: String?
        let reason: String?
    }

    let title = "Audit"
    let refreshSeconds: Int? = nil
    let rows: [Row]
    let isEmpty: Bool
    let head: String?
    let olderHref: String?
    let newestHref: String?

    init(_ page: PageView<AuditRow>, head: AuditHead?, filter: AuditFilter, isFirst: Bool) {
        rows = page.rows.map { row in
            Row(
                seq: row.seq, at: ZonedTime(row.at, zone: nil), actor: row.actor, action: row.action,
                subject: row.subject, href: Self.address(of: row.subject), before: row.before, after: row.after,
                reason: row.reason)
        }
        isEmpty = rows.isEmpty
        self.head = head?.description
        olderHref =
            page.hasMore
            ? page.rows.last.map { "/audit?" + (filter.queryItems + ["before=\($0.seq)"]).joined(separator: "&") } : nil
        newestHref = isFirst ? nil : "/audit"
    }

    /// Where the subject has a page.
    private static func address(of subject: String) -> String? {
        let words = subject.split(separator: " ")
        if words.count > 1, words[0] == "job", let job = JobID(String(words[1])) { return "/jobs/\(job)" }
        if words.count == 3, words[0] == "dead", let group = Int64(words[2]) { return "/dead/\(group)" }
        return nil
    }
}

/// Values of `pauses.html`.
struct PausesPage: Sendable {
    struct Row: Sendable {
        let scope: String
        let target: String
        let until: ZonedTime?
        let reason: String
        let by: String
        let at: ZonedTime
        let offersChanges: Bool
    }

    let title = "Pauses"
    let refreshSeconds: Int? = nil
    let rows: [Row]
    let isEmpty: Bool
    let scopes = PauseStore.Scope.allCases.map(\.rawValue)
    let offersChanges: Bool

    init(_ pauses: [PauseStore.Pause], offersChanges: Bool) {
        rows = pauses.map { pause in
            Row(
                scope: pause.scope.rawValue, target: pause.target, until: pause.until.map { ZonedTime($0, zone: nil) },
                reason: pause.reason, by: pause.pausedBy, at: ZonedTime(pause.pausedAt, zone: nil),
                offersChanges: offersChanges)
        }
        isEmpty = rows.isEmpty
        self.offersChanges = offersChanges
    }
}
