package import FoundationEssentials
package import Jobs

/// Something that a person did, on its way into the audit.
package struct AuditEntry: Sendable {
    /// Who did it: a person, and by which way, such as `mara (command line)`. Never an address of a mailbox.
    package var actor: String
    package var action: AuditAction
    /// A kind and a name: `job 0192…`, `schedule district/nightly`.
    package var subject: String
    /// What is to be compared later; nil where there was nothing, or where it is of no use. No secrets, no personal data.
    package var before: (any Encodable & Sendable)?
    /// What holds now.
    package var after: (any Encodable & Sendable)?
    /// Why, in the person's own words.
    package var reason: String?

    package init(
        actor: String, action: AuditAction, subject: String, before: (any Encodable & Sendable)? = nil,
        after: (any Encodable & Sendable)? = nil, reason: String? = nil
    ) {
        self.actor = actor
        self.action = action
        self.subject = subject
        self.before = before
        self.after = after
        self.reason = reason
    }

    /// The name under which jobs stand in the audit.
    package static func subject(_ job: JobID) -> String { "job \(job)" }
}

/// A row of the audit.
package struct AuditRow: Sendable, Hashable {
    /// From 1, without a gap.
    package let seq: Int64
    package let at: Date
    package let actor: String
    /// A word of `AuditAction`, or of a newer program.
    package let action: String
    package let subject: String
    /// JSON.
    package let before: String?
    /// JSON.
    package let after: String?
    package let reason: String?
    /// 32 bytes over the row and the hash of the one before it, in hexadecimal digits.
    package let hash: String
}

/// Which rows of the audit a list shows; nil = all.
package struct AuditFilter: Sendable, Hashable {
    package var actor: String?
    package var action: AuditAction?
    package var subject: String?

    package init(actor: String? = nil, action: AuditAction? = nil, subject: String? = nil) {
        self.actor = actor
        self.action = action
        self.subject = subject
    }
}

/// The last row of the audit at some time. Kept elsewhere, it shows whether rows were cut off the end since: the chain
/// alone cannot tell.
package struct AuditHead: Sendable, Hashable, CustomStringConvertible {
    package let seq: Int64
    /// 64 hexadecimal digits.
    package let hash: String

    package init(seq: Int64, hash: String) {
        self.seq = seq
        self.hash = hash
    }

    /// Reads what `description` wrote; nil if it is anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let seq = Int64(parts[0]), seq > 0, parts[1].utf8.count == 64,
            parts[1].allSatisfy(\.isHexDigit)
        else { return nil }
        self.init(seq: seq, hash: parts[1].lowercased())
    }

    /// Such as `1042:9f86d0…`.
    package var description: String { "\(seq):\(hash)" }
}

/// What a look at the chain found.
package struct AuditVerdict: Sendable, Hashable {
    /// The first row that does not fit.
    package struct Break: Sendable, Hashable {
        package let seq: Int64
        package let fault: Fault

        package init(seq: Int64, fault: Fault) {
            self.seq = seq
            self.fault = fault
        }
    }

    /// What is wrong with a row.
    package enum Fault: String, Sendable, Hashable {
        /// It is not there, though later ones are, or though the head that was given knew it.
        case missing
        /// It is not what was written, or not where it was written.
        case changed
    }

    /// How many rows were looked at.
    package let checked: Int64
    /// The last row that fits; nil if there is none.
    package let head: AuditHead?
    /// Nil if every row fits.
    package let broken: Break?

    package init(checked: Int64, head: AuditHead?, broken: Break?) {
        self.checked = checked
        self.head = head
        self.broken = broken
    }
}
